// Gitops says of objects in a cluster what GitOps tools say of them, with those tools'
// own code: Argo CD's sync, comparison and health, Flux's readiness (kstatus).
//
//	gitops sync     [-server-side]     < manifests   as Argo CD syncs them
//	gitops compare  [-mode MODE] ...   < manifests   as Argo CD compares them with what is live
//	gitops health   -lua FILE          < objects     Argo CD's health, by a script
//	gitops kstatus                     < objects     what Flux waits for
//
// Objects are read as JSON: one, several, or a List. The answer is one line of JSON an
// object. The cluster is the one of KUBECONFIG.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// answer is what is said of one object.
type answer struct {
	Object  string `json:"object"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say sync, compare, health or kstatus")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	serverSide := flags.Bool("server-side", false, "sync with ServerSideApply=true")
	mode := flags.String("mode", "legacy", "legacy, structured (ServerSideApply=true) or server-side (ServerSideDiff=true)")
	mutations := flags.Bool("include-mutations", false, "IncludeMutationWebhook=true")
	managers := flags.String("managers", "", "managedFieldsManagers of ignoreDifferences, separated by commas")
	script := flags.String("lua", "", "the health script")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	objects, err := read(os.Stdin)
	if err != nil {
		return err
	}
	each := func(say func(*unstructured.Unstructured) (string, string, error)) error {
		for _, object := range objects {
			status, message, err := say(object)
			if err != nil {
				return fmt.Errorf("%s: %w", name(object), err)
			}
			if err := json.NewEncoder(os.Stdout).Encode(answer{name(object), status, message}); err != nil {
				return err
			}
		}
		return nil
	}
	switch args[0] {
	case "sync", "compare":
		argo, close, err := newArgo()
		if err != nil {
			return err
		}
		defer close()
		if args[0] == "sync" {
			return each(func(object *unstructured.Unstructured) (string, string, error) {
				message, err := argo.sync(context.Background(), object, *serverSide)
				return "Synced", message, err
			})
		}
		config, err := argo.diffConfig(*mode, *mutations, list(*managers))
		if err != nil {
			return err
		}
		return each(func(object *unstructured.Unstructured) (string, string, error) {
			return argo.compare(context.Background(), object, config)
		})
	case "health":
		content, err := os.ReadFile(*script)
		if err != nil {
			return err
		}
		return each(func(object *unstructured.Unstructured) (string, string, error) {
			return luaHealth(object, string(content))
		})
	case "kstatus":
		return each(func(object *unstructured.Unstructured) (string, string, error) {
			result, err := status.Compute(object)
			if err != nil {
				return "", "", err
			}
			return result.Status.String(), result.Message, nil
		})
	}
	return fmt.Errorf("%q is no command", args[0])
}

// luaHealth runs the script as Argo CD runs what stands in its settings.
func luaHealth(object *unstructured.Unstructured, script string) (string, string, error) {
	key := lua.GetConfigMapKey(object.GroupVersionKind())
	overrides := lua.ResourceHealthOverrides(map[string]v1alpha1.ResourceOverride{key: {HealthLua: script}})
	health, err := overrides.GetResourceHealth(object)
	if err != nil {
		return "", "", err
	}
	return string(health.Status), health.Message, nil
}

func read(from io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := json.NewDecoder(from); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		// Whole numbers as Kubernetes' own reading gives them.
		content, err := json.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		decoded, err := runtime.Decode(unstructured.UnstructuredJSONScheme, content)
		if err != nil {
			return nil, err
		}
		switch decoded := decoded.(type) {
		case *unstructured.UnstructuredList:
			for i := range decoded.Items {
				objects = append(objects, &decoded.Items[i])
			}
		case *unstructured.Unstructured:
			objects = append(objects, decoded)
		}
	}
}

func name(object *unstructured.Unstructured) string {
	return object.GetKind() + "/" + object.GetName()
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

const manager = common.ArgoCDSSAManager
