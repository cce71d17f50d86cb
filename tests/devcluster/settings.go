package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The whole cluster's one folder: who has it, has the machine's node.
const wholeState = "/var/lib/kliv-secrets/devcluster"

// settings is what the caller asked for.
type settings struct {
	State         string
	Whole         bool
	KeepRevisions bool
	PlainSecrets  bool
	AuditPolicy   string
	// ControllersShareAccount: not one ServiceAccount each, but all as
	// system:kube-controller-manager.
	ControllersShareAccount bool
}

func canRunNode() bool { return runtime.GOOS == "linux" && os.Geteuid() == 0 }

func cacheFolder() string {
	if cache := os.Getenv("KLIV_CACHE"); cache != "" {
		return cache
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "kliv-secrets")
}

func defaultState() string {
	if canRunNode() {
		return wholeState
	}
	return filepath.Join(cacheFolder(), "control-plane")
}

func (s *settings) complete(whole, controlPlaneOnly bool) error {
	switch {
	case whole && controlPlaneOnly:
		return errors.New("--whole and --control-plane-only exclude each other")
	case whole && !canRunNode():
		return errors.New("a whole cluster needs root on Linux; without, use --control-plane-only")
	case whole || (!controlPlaneOnly && canRunNode()):
		s.Whole = true
		if s.State != "" && s.State != wholeState {
			return fmt.Errorf("a machine has one whole cluster, and its folder is %s", wholeState)
		}
		s.State = wholeState
	case s.State == "" && controlPlaneOnly && canRunNode():
		return errors.New("--control-plane-only needs --state DIR")
	case s.State == "":
		progress("not root on Linux: a control plane only, no pods will run")
		s.State = defaultState()
	}
	folder, err := filepath.Abs(s.State)
	if err != nil {
		return err
	}
	s.State = folder
	return os.MkdirAll(filepath.Dir(folder), 0o755)
}

// assets finds the binaries that the user has already, by the variables that other
// Kubernetes test tools read too. Only for control planes: a node needs the versions
// to fit.
func assets() map[string]string {
	found := map[string]string{}
	for tool, variable := range map[string]string{
		"kube-apiserver": "TEST_ASSET_KUBE_APISERVER",
		"etcd":           "TEST_ASSET_ETCD",
		"kubectl":        "TEST_ASSET_KUBECTL",
	} {
		if path := os.Getenv(variable); path != "" {
			found[tool] = path
		}
	}
	if folder := os.Getenv("KUBEBUILDER_ASSETS"); folder != "" {
		for _, c := range components {
			path := filepath.Join(folder, c.tool)
			if _, err := os.Stat(path); err == nil && found[c.tool] == "" {
				found[c.tool] = path
			}
		}
	}
	return found
}

// printExistingCluster prints the exports for a cluster that is not ours.
func printExistingCluster(kubeconfig string) error {
	kubeconfig, err := filepath.Abs(kubeconfig)
	if err != nil {
		return err
	}
	if _, err := os.Stat(kubeconfig); err != nil {
		return fmt.Errorf("KLIV_KUBECONFIG: %w", err)
	}
	tools, err := buildComponents([]string{"kubectl", "helm"})
	if err != nil {
		return err
	}
	bin := filepath.Join(cacheFolder(), "existing-cluster", "bin")
	if err := linkTools(bin, tools); err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\nexport PATH=%s:\"$PATH\"\n", shellQuote(kubeconfig), shellQuote(bin))
	return nil
}
