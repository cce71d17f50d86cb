package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cluster is a running cluster, as written in its folder's state.json. It is written
// before and after each step that leaves something on the machine, so that `down` can
// undo it after a crash of anything, this program too.
type cluster struct {
	Folder        string
	Settings      settings
	Address       string
	Ports         map[string]int
	Tools         map[string]string
	Processes     []process
	Node          node
	FunctionImage string
	Complete      bool
}

func (c *cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.Folder}, parts...)...)
}
func (c *cluster) logFile(process string) string { return c.path("logs", process+".log") }
func (c *cluster) kubeconfig(client string) string {
	return c.path("kubeconfig", client+".yaml")
}
func (c *cluster) server() string {
	return fmt.Sprintf("https://%s:%d", c.Address, c.Ports["kube-apiserver"])
}
func (c *cluster) etcdEndpoint() string {
	return fmt.Sprintf("http://127.0.0.1:%d", c.Ports["etcd"])
}

func (c *cluster) save() error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("state.json.new"), text, 0o644); err != nil {
		return err
	}
	return os.Rename(c.path("state.json.new"), c.path("state.json"))
}

// readState gives the cluster of a folder, or nil when there is none.
func readState(folder string) (*cluster, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(folder, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s/state.json: %w", folder, err)
	}
	c.Folder = folder
	return c, nil
}

// up gives a running cluster: the one that is there, or a new one.
func up(want settings) (*cluster, error) {
	addSystemPath()
	before, err := readState(want.State)
	if err != nil {
		return nil, err
	}
	if before != nil && before.healthy() == nil {
		if before.Settings != want {
			return nil, fmt.Errorf("the cluster in %s runs with other settings; stop it first: devcluster down --state %s", want.State, want.State)
		}
		return before, before.refresh()
	}
	if before != nil {
		progress("an earlier cluster is not well (%s): cleaning up", firstLine(before.healthy()))
	}
	if err := down(want.State, false); err != nil {
		return nil, err
	}
	tools, err := toolsFor(want)
	if err != nil {
		return nil, err
	}
	if want.Whole {
		if err := installPackages(); err != nil {
			return nil, err
		}
		if err := refuseForeignNode(); err != nil {
			return nil, err
		}
	}
	for attempt := 1; ; attempt++ {
		c, err := start(want, tools)
		if err == nil {
			return c, nil
		}
		inUse := strings.Contains(err.Error(), "address already in use")
		if cleanup := down(want.State, false); cleanup != nil {
			return nil, errors.Join(err, cleanup)
		}
		if attempt == 3 || !inUse {
			return nil, err
		}
		progress("somebody took a port that was free a moment ago: once more")
	}
}

func start(want settings, tools map[string]string) (*cluster, error) {
	began := time.Now()
	c := &cluster{Folder: want.State, Settings: want, Address: "127.0.0.1", Tools: tools}
	if want.Whole {
		c.Address = hostAddress
	}
	var err error
	if c.Ports, err = freePorts("etcd", "etcd-peer", "kube-apiserver", "kubelet", "kubelet-health", "kube-proxy-health", "kube-proxy-metrics"); err != nil {
		return nil, err
	}
	for _, folder := range []string{"logs", "kubeconfig", "config"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return nil, err
		}
	}
	if err := c.save(); err != nil {
		return nil, err
	}
	if err := linkTools(c.path("bin"), tools); err != nil {
		return nil, err
	}
	if want.Whole {
		if err := c.startNetwork(); err != nil {
			return nil, err
		}
	}
	if err := c.makeCertificates(); err != nil {
		return nil, err
	}
	if err := c.startControlPlane(); err != nil {
		return nil, err
	}
	if want.Whole {
		if err := c.startNode(); err != nil {
			return nil, err
		}
	}
	c.Complete = true
	if err := c.save(); err != nil {
		return nil, err
	}
	if err := c.refresh(); err != nil {
		return nil, err
	}
	progress("up after %.1f s", time.Since(began).Seconds())
	return c, nil
}

// refresh brings to a running cluster what may have changed in the checkout.
func (c *cluster) refresh() error {
	if !c.Settings.Whole {
		return nil
	}
	return c.loadFunction()
}

// healthy tells whether everything that was started still works.
func (c *cluster) healthy() error {
	if !c.Complete {
		return errors.New("it was never quite up")
	}
	if err := c.dead(); err != nil {
		return err
	}
	if err := c.ready(); err != nil {
		return err
	}
	if c.Settings.Whole {
		return c.nodeReady()
	}
	return nil
}

// ready asks the API server.
func (c *cluster) ready() error {
	_, err := c.get("/readyz")
	return err
}

// get reads a path of the API server as admin.
func (c *cluster) get(path string) ([]byte, error) {
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(ca)
	admin, err := tls.LoadX509KeyPair(c.path("pki", "admin.crt"), c.path("pki", "admin.key"))
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{admin}},
		},
	}
	response, err := client.Get(c.server() + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return body, err
}

// linkTools makes the folder that the caller puts into its PATH.
func linkTools(folder string, tools map[string]string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, tool := range []string{"kubectl", "helm", "etcdctl"} {
		if tools[tool] == "" {
			continue
		}
		link := filepath.Join(folder, tool)
		os.Remove(link)
		if err := os.Symlink(tools[tool], link); err != nil {
			return err
		}
	}
	return nil
}

// printExports prints what a shell evaluates to use the cluster.
func (c *cluster) printExports(out io.Writer) error {
	etcdctl := fmt.Sprintf("%s --endpoints=%s", c.Tools["etcdctl"], c.etcdEndpoint())
	lines := fmt.Sprintf("export KUBECONFIG=%s\nexport PATH=%s:\"$PATH\"\nexport KLIV_ETCDCTL=%s\n",
		shellQuote(c.kubeconfig("admin")), shellQuote(c.path("bin")), shellQuote(etcdctl))
	if c.FunctionImage != "" {
		lines += fmt.Sprintf("export KLIV_FUNCTION_IMAGE=%s\n", shellQuote(c.FunctionImage))
	}
	_, err := io.WriteString(out, lines)
	return err
}

// down stops the cluster of a folder and takes the folder away.
func down(folder string, force bool) error {
	addSystemPath()
	c, err := readState(folder)
	if err != nil && !force {
		return err
	}
	if c == nil && !force {
		return os.RemoveAll(folder)
	}
	if c == nil {
		c = &cluster{Folder: folder, Settings: settings{Whole: folder == wholeState}}
	}
	if c.Settings.Whole {
		if err := c.sweepNode(); err != nil {
			return err
		}
	}
	if err := kill(c.Processes); err != nil {
		return err
	}
	return os.RemoveAll(folder)
}

func firstLine(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
