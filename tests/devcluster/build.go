package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// component is a program of the cluster that is built from a Go module.
type component struct {
	tool, module, pkg string
	nodeOnly          bool
	// No cluster needs it: tests ask for it.
	testOnly bool
	tags     string
}

// In the order in which a first run needs them.
var components = []component{
	{tool: "etcd", module: "components", pkg: "go.etcd.io/etcd/server/v3"},
	{tool: "etcdctl", module: "components", pkg: "go.etcd.io/etcd/etcdctl/v3"},
	{tool: "kube-apiserver", module: "components", pkg: "k8s.io/kubernetes/cmd/kube-apiserver"},
	{tool: "kube-controller-manager", module: "components", pkg: "k8s.io/kubernetes/cmd/kube-controller-manager"},
	{tool: "kube-scheduler", module: "components", pkg: "k8s.io/kubernetes/cmd/kube-scheduler"},
	{tool: "kubectl", module: "components", pkg: "k8s.io/kubernetes/cmd/kubectl"},
	{tool: "kubelet", module: "components", pkg: "k8s.io/kubernetes/cmd/kubelet", nodeOnly: true},
	{tool: "kube-proxy", module: "components", pkg: "k8s.io/kubernetes/cmd/kube-proxy", nodeOnly: true},
	{tool: "helm", module: "components/helm", pkg: "helm.sh/helm/v4/cmd/helm"},
	{tool: "kustomize-controller", module: "components/flux", pkg: "github.com/fluxcd/kustomize-controller", testOnly: true},
	{tool: "gitops", module: "components/gitops", pkg: ".", testOnly: true},
	// Without the clouds' libraries, in which it would look for what to scrape.
	{tool: "promtool", module: "components/promtool", pkg: "github.com/prometheus/prometheus/cmd/promtool", testOnly: true, tags: "remove_all_sd"},
	{tool: "cert-manager", module: "components/cert-manager", pkg: ".", testOnly: true},
}

// buildEnv keeps the caller's Go settings from changing what is built.
var buildEnv = []string{"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false -mod=readonly"}

func componentNames() []string {
	var names []string
	for _, c := range components {
		if !c.testOnly {
			names = append(names, c.tool)
		}
	}
	return names
}

// toolsFor says where each program of such a cluster is, after building what is missing.
func toolsFor(want settings) (map[string]string, error) {
	if want.Whole {
		return buildComponents(componentNames())
	}
	ready := assets()
	var missing []string
	for _, c := range components {
		if !c.nodeOnly && !c.testOnly && ready[c.tool] == "" {
			missing = append(missing, c.tool)
		}
	}
	built, err := buildComponents(missing)
	if err != nil {
		return nil, err
	}
	for tool, path := range built {
		ready[tool] = path
	}
	return ready, nil
}

// buildComponents gives the path of each named tool, building those that the cache
// does not have. The cache is keyed by everything that goes into the build.
func buildComponents(names []string) (map[string]string, error) {
	paths := map[string]string{}
	var missing []component
	keys := map[string]string{}
	for _, c := range components {
		if !contains(names, c.tool) {
			continue
		}
		if keys[c.module] == "" {
			key, err := moduleKey(c.module)
			if err != nil {
				return nil, err
			}
			keys[c.module] = key
		}
		paths[c.tool] = filepath.Join(cacheFolder(), "components", keys[c.module], c.tool)
		if _, err := os.Stat(paths[c.tool]); err != nil {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return paths, nil
	}
	unlock, err := lock(filepath.Join(cacheFolder(), "components.lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	for i, c := range missing {
		if _, err := os.Stat(paths[c.tool]); err == nil {
			continue // another process built it while we waited
		}
		what := fmt.Sprintf("building %s (%d of %d; some 15 minutes for all, once)", c.tool, i+1, len(missing))
		if err := goBuild(what, filepath.Join(sourceFolder(), c.module), c.pkg, paths[c.tool], linkFlags(c.module), "-tags", c.tags); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// cachedTool is where the cache has a tool, or nothing.
func cachedTool(name string) (string, error) {
	for _, c := range components {
		if c.tool != name {
			continue
		}
		key, err := moduleKey(c.module)
		if err != nil {
			return "", err
		}
		path := filepath.Join(cacheFolder(), "components", key, c.tool)
		if _, err := os.Stat(path); err != nil {
			return "", nil
		}
		return path, nil
	}
	return "", fmt.Errorf("%q is none of the cluster's tools", name)
}

// moduleFolder fetches a module and says where it is, for what is in it beside code.
func moduleFolder(module string) (string, error) {
	text, err := output("go", "mod", "download", "-json", module)
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", module, err)
	}
	var fetched struct{ Dir string }
	return fetched.Dir, json.Unmarshal([]byte(text), &fetched)
}

// linkFlags gives Kubernetes its version: its parts compare theirs with each other's.
func linkFlags(module string) string {
	version := ""
	if content, err := os.ReadFile(filepath.Join(sourceFolder(), module, "go.mod")); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, v, found := strings.Cut(strings.TrimSpace(line), " "); found && name == "k8s.io/kubernetes" {
				version = strings.Fields(v)[0]
			}
		}
	}
	if version == "" {
		return "-s -w"
	}
	return fmt.Sprintf("-s -w -X k8s.io/component-base/version.gitVersion=%[1]s -X k8s.io/client-go/pkg/version.gitVersion=%[1]s", version)
}

func moduleKey(module string) (string, error) {
	compiler, err := output("go", "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, compiler, linkFlags(module), buildEnv)
	for _, c := range components {
		if c.module == module && c.tags != "" {
			fmt.Fprintln(hash, c.tool, c.tags)
		}
	}
	// A module of our own has its source here.
	files, err := filepath.Glob(filepath.Join(sourceFolder(), module, "*.go"))
	if err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		files = append(files, filepath.Join(sourceFolder(), module, name))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		hash.Write(content)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))[:16], nil
}

// goBuild builds one static binary and shows that it is at work.
func goBuild(what, folder, pkg, out, linkFlags string, flags ...string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	unfinished := fmt.Sprintf("%s.%d", out, os.Getpid())
	defer os.Remove(unfinished)
	args := append([]string{"build", "-trimpath", "-ldflags", linkFlags, "-o", unfinished}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), buildEnv...)
	done := showProgress(what)
	text, err := cmd.CombinedOutput()
	done()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, text)
	}
	return os.Rename(unfinished, out)
}

// showProgress says what is going on at once and then every 15 seconds.
func showProgress(what string) (done func()) {
	progress("%s", what)
	start, stop := time.Now(), make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(15 * time.Second):
				progress("%s: %s so far", what, time.Since(start).Round(time.Second))
			}
		}
	}()
	return func() { close(stop) }
}

// sourceFolder is where this program's source is; run.sh says.
func sourceFolder() string {
	if folder := os.Getenv("KLIV_DEVCLUSTER_SOURCE"); folder != "" {
		return folder
	}
	return "."
}

// lockState waits until no other launcher works on the cluster in this folder, whose full
// path it gives.
func lockState(state string) (folder string, unlock func(), err error) {
	if folder, err = filepath.Abs(state); err != nil {
		return "", nil, err
	}
	unlock, err = lock(folder + ".lock")
	return folder, unlock, err
}

// lock waits until no other launcher holds the file.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			progress("another launcher is at work on %s: waiting", strings.TrimSuffix(path, ".lock"))
			err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			file.Close()
			return nil, err
		}
		// Its last holder may have removed the file: then ours locks nothing.
		held, err1 := file.Stat()
		named, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(held, named) {
			return func() { file.Close() }, nil
		}
		file.Close()
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
