package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What a node needs of the machine: a program and the Debian package that has it.
var nodePrograms = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/ptp", "containernetworking-plugins"},
	{"/usr/lib/cni/host-local", "containernetworking-plugins"},
	{"iptables-save", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"mount", "mount"},
}

// installPackages brings in what is missing.
func installPackages() error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	command := "apt-get install -y --no-install-recommends " + strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing programs: install what Debian has as: %s", strings.Join(missing, " "))
	}
	done := showProgress("installing " + strings.Join(missing, " "))
	defer done()
	install := func() error { return quietly("sh", "-c", "DEBIAN_FRONTEND=noninteractive "+command) }
	if install() == nil {
		return nil
	}
	// The lists of packages may be absent or old.
	if err := quietly("apt-get", "update"); err != nil {
		return err
	}
	if err := install(); err != nil {
		return fmt.Errorf("packages are missing, and `%s` failed: %w", command, err)
	}
	return nil
}

func missingPackages() []string {
	var missing []string
	for _, need := range nodePrograms {
		if _, err := exec.LookPath(need.program); err != nil && !contains(missing, need.pkg) {
			missing = append(missing, need.pkg)
		}
	}
	return missing
}

// quietly runs a command and shows its output only when it fails.
func quietly(name string, args ...string) error {
	_, err := output(name, args...)
	return err
}

func output(name string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

// addSystemPath makes programs of /usr/sbin found, which some shells leave out.
func addSystemPath() {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}
