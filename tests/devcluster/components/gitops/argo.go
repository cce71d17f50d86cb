package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	jsonpatch "github.com/evanphx/json-patch"
	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2/textlogger"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// argo is Argo CD's way to a cluster.
type argo struct {
	config  *rest.Config
	kubectl *kube.KubectlCmd
	ops     kube.ResourceOperations
	dryRuns diff.KubeApplier
}

func newArgo() (*argo, func(), error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, nil, err
	}
	kubectl := &kube.KubectlCmd{
		Log:    textlogger.NewLogger(textlogger.NewConfig()),
		Tracer: tracing.NopTracer{},
	}
	ops, closeOps, err := kubectl.ManageResources(config)
	if err != nil {
		return nil, nil, err
	}
	dryRuns, closeDryRuns, err := kubectl.ManageServerSideDiffDryRuns(config)
	if err != nil {
		closeOps()
		return nil, nil, err
	}
	return &argo{config, kubectl, ops, dryRuns}, func() { closeOps(); closeDryRuns() }, nil
}

// sync applies an object as a sync of an application does.
func (a *argo) sync(ctx context.Context, object *unstructured.Unstructured, serverSide bool) (string, error) {
	return a.ops.ApplyResource(ctx, object, cmdutil.DryRunNone, false, true, serverSide, manager)
}

// diffConfig is what an application's settings come to; see CompareAppState in Argo CD.
func (a *argo) diffConfig(mode string, mutations bool, managers []string) (argodiff.DiffConfig, error) {
	_, parser, err := a.kubectl.LoadOpenAPISchema(a.config)
	if err != nil {
		return nil, err
	}
	var ignored []v1alpha1.ResourceIgnoreDifferences
	if len(managers) > 0 {
		ignored = append(ignored, v1alpha1.ResourceIgnoreDifferences{Group: "*", Kind: "*", ManagedFieldsManagers: managers})
	}
	builder := argodiff.NewDiffConfigBuilder().
		WithDiffSettings(ignored, nil, true, normalizers.IgnoreNormalizerOpts{}).
		WithTracking(common.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
		WithNoCache().
		WithLogger(logr.Discard()).
		WithGVKParser(parser).
		WithManager(manager)
	switch mode {
	case "legacy":
	case "structured":
		builder = builder.WithStructuredMergeDiff(true)
	case "server-side":
		builder = builder.WithServerSideDiff(true).
			WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(a.dryRuns)).
			WithIgnoreMutationWebhook(!mutations)
	default:
		return nil, fmt.Errorf("%q is no mode", mode)
	}
	return builder.Build()
}

// compare says Synced, or OutOfSync and what a sync would change.
func (a *argo) compare(ctx context.Context, target *unstructured.Unstructured, config argodiff.DiffConfig) (string, string, error) {
	live, err := a.kubectl.GetResource(ctx, a.config, target.GroupVersionKind(), target.GetName(), target.GetNamespace())
	if apierrors.IsNotFound(err) {
		live, err = nil, nil
	}
	if err != nil {
		return "", "", err
	}
	result, err := argodiff.StateDiff(live, target, config)
	if err != nil {
		return "", "", err
	}
	if !result.Modified {
		return "Synced", "", nil
	}
	patch, err := jsonpatch.CreateMergePatch(result.NormalizedLive, result.PredictedLive)
	if err != nil || !json.Valid(patch) {
		patch = []byte("(no patch)")
	}
	return "OutOfSync", string(patch), nil
}
