package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	nodeName    = "devcluster"
	hostLink    = "kliv0"
	hostAddress = "10.213.255.1" // where API server and kubelet listen: for this machine and its pods only
	podRange    = "10.213.0.0/24"
	ruleComment = "kliv-devcluster"
)

// node is what a node changes on the machine outside its folder, written down before
// it is changed.
type node struct {
	Started   bool
	IPForward string
	Made      []string
}

// Folders whose place is fixed in the kubelet, containerd's shims and the network
// plugins.
var systemFolders = []string{
	"/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/var/log/pods",
	"/run/containerd", "/run/netns", "/opt/cni", "/opt/containerd", "/etc/cni",
}

// refuseForeignNode keeps us off a machine that is a node already: the two would tear
// down each other's rules.
func refuseForeignNode() error {
	rules, err := output("iptables-save")
	if err != nil {
		return err
	}
	if strings.Contains(rules, ":KUBE-SERVICES ") {
		return fmt.Errorf("this machine has a Kubernetes node's iptables rules already. If another tool runs a cluster here, use it by KLIV_KUBECONFIG. If they are left from ours: devcluster down --force")
	}
	return nil
}

// startNetwork gives the machine an address for the API server, which pods and
// everything on this machine reach and nobody else.
func (c *cluster) startNetwork() error {
	forward, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	if err != nil {
		return err
	}
	c.Node = node{Started: true, IPForward: strings.TrimSpace(string(forward))}
	for _, folder := range systemFolders {
		if _, err := os.Stat(folder); err != nil {
			c.Node.Made = append(c.Node.Made, folder)
		}
	}
	if err := c.save(); err != nil {
		return err
	}
	for _, command := range []string{
		// A bridge without ports: unlike a dummy link, every kernel with containers has it.
		"ip link add " + hostLink + " type bridge",
		"ip address add " + hostAddress + "/32 dev " + hostLink,
		"ip link set " + hostLink + " up",
		"iptables -w -t nat -A POSTROUTING -s " + podRange + " ! -d " + podRange + " -m comment --comment " + ruleComment + " -j MASQUERADE",
		"iptables -w -I FORWARD -s " + podRange + " -m comment --comment " + ruleComment + " -j ACCEPT",
		"iptables -w -I FORWARD -d " + podRange + " -m comment --comment " + ruleComment + " -j ACCEPT",
	} {
		words := strings.Fields(command)
		if err := quietly(words[0], words[1:]...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

func (c *cluster) startNode() error {
	if err := c.startContainerd(); err != nil {
		return err
	}
	kubelet := map[string]any{
		"apiVersion":                    "kubelet.config.k8s.io/v1beta1",
		"kind":                          "KubeletConfiguration",
		"address":                       hostAddress,
		"port":                          c.Ports["kubelet"],
		"healthzPort":                   c.Ports["kubelet-health"],
		"authentication":                map[string]any{"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true}, "x509": map[string]any{"clientCAFile": c.path("pki", "ca.crt")}},
		"authorization":                 map[string]any{"mode": "Webhook"},
		"tlsCertFile":                   c.path("pki", "kubelet.crt"),
		"tlsPrivateKeyFile":             c.path("pki", "kubelet.key"),
		"containerRuntimeEndpoint":      "unix://" + c.containerdSocket(),
		"cgroupDriver":                  "cgroupfs",
		"failCgroupV1":                  false,
		"failSwapOn":                    false,
		"localStorageCapacityIsolation": false,
		"makeIPTablesUtilChains":        false,
		"podLogsDir":                    c.path("pod-logs"),
		"volumePluginDir":               c.path("kubelet", "plugins-exec"),
		"imageGCHighThresholdPercent":   100, // images are loaded by hand: none may go
		"evictionHard":                  map[string]string{"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
		"kubeAPIQPS":                    100,
		"kubeAPIBurst":                  200,
		"serializeImagePulls":           false,
		"enableControllerAttachDetach":  true,
		"shutdownGracePeriod":           "0s",
		"nodeStatusReportFrequency":     "5m",
		"configMapAndSecretChangeDetectionStrategy": "Watch",
	}
	if _, err := os.Stat("/etc/resolv.conf"); err != nil {
		kubelet["resolvConf"] = ""
	}
	if err := c.writeConfig("kubelet.yaml", kubelet); err != nil {
		return err
	}
	err := c.spawn("kubelet", c.Tools["kubelet"],
		"--config="+c.path("config", "kubelet.yaml"),
		"--kubeconfig="+c.kubeconfig("kubelet"),
		"--root-dir="+c.path("kubelet"),
		"--cert-dir="+c.path("pki"),
		"--hostname-override="+nodeName,
		"--node-ip="+hostAddress,
	)
	if err != nil {
		return err
	}
	proxy := map[string]any{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "iptables",
		"hostnameOverride":   nodeName,
		"clusterCIDR":        podRange,
		"clientConnection":   map[string]any{"kubeconfig": c.kubeconfig("kube-proxy")},
		"healthzBindAddress": fmt.Sprintf("127.0.0.1:%d", c.Ports["kube-proxy-health"]),
		"metricsBindAddress": fmt.Sprintf("127.0.0.1:%d", c.Ports["kube-proxy-metrics"]),
		"iptables":           map[string]any{"localhostNodePorts": false},
		"conntrack":          map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	if err := c.writeConfig("kube-proxy.yaml", proxy); err != nil {
		return err
	}
	if err := c.spawn("kube-proxy", c.Tools["kube-proxy"], "--config="+c.path("config", "kube-proxy.yaml")); err != nil {
		return err
	}
	if err := c.waitWhileAlive(300*time.Second, "the node to be ready", c.nodeReady); err != nil {
		return err
	}
	return c.waitWhileAlive(180*time.Second, "the API server's Service to route", func() error {
		rules, err := output("iptables-save", "-t", "nat")
		if err == nil && !strings.Contains(rules, "-d "+firstServiceAddress+"/32") {
			err = fmt.Errorf("kube-proxy has not written its rules; the end of its log:\n%s", tail(c.logFile("kube-proxy"), 3))
		}
		return err
	})
}

func (c *cluster) containerdSocket() string { return c.path("run", "containerd.sock") }

// startContainerd starts one of our own: whatever the machine has of it is not touched.
func (c *cluster) startContainerd() error {
	plugins, err := networkPlugins()
	if err != nil {
		return err
	}
	network := map[string]any{
		"cniVersion": "0.4.0",
		"name":       ruleComment,
		"plugins": []any{map[string]any{
			// Point to point: pods reach each other by routes, so a reply of a Service's pod
			// always passes the rules that translate it, whatever the kernel does on bridges.
			"type": "ptp",
			"ipam": map[string]any{
				"type":    "host-local",
				"dataDir": c.path("addresses"),
				"ranges":  []any{[]any{map[string]any{"subnet": podRange}}},
				"routes":  []any{map[string]any{"dst": "0.0.0.0/0"}},
			},
		}},
	}
	if err := c.writeConfig("cni/10-devcluster.conflist", network); err != nil {
		return err
	}
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.internal.v1.restart", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "kliv.dev/pause:dev"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true # some roots (of containers and sandboxes) may not lower it
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %q
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = %q
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, c.path("containerd"), c.path("run", "containerd"), c.containerdSocket(), c.path("opt"),
		snapshotter(c.Folder), c.path("run", "runc"), plugins, c.path("config", "cni"))
	if err := os.WriteFile(c.path("config", "containerd.toml"), []byte(config), 0o644); err != nil {
		return err
	}
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	if err := c.spawn("containerd", containerd, "--config", c.path("config", "containerd.toml")); err != nil {
		return err
	}
	err = c.waitWhileAlive(180*time.Second, "containerd", func() error {
		return quietly("ctr", "--address", c.containerdSocket(), "version")
	})
	if err != nil {
		return err
	}
	_, err = c.loadOwn("pause", "kliv.dev/pause", "65535:65535")
	return err
}

// networkPlugins is where the machine has them.
func networkPlugins() (string, error) {
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(folder, "ptp")); err == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("no network plugins: Debian has them as containernetworking-plugins")
}

// snapshotter is overlayfs, except where the folder is on one: they don't stack.
func snapshotter(folder string) string {
	const overlayfsMagic = 0x794c7630
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) == nil && uint32(fs.Type) == overlayfsMagic {
		return "native"
	}
	return "overlayfs"
}

// writeConfig writes JSON, which is YAML too.
func (c *cluster) writeConfig(name string, content map[string]any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path("config", name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(c.path("config", name), text, 0o644)
}

// nodeReady tells whether pods can be placed.
func (c *cluster) nodeReady() error {
	body, err := c.get("/api/v1/nodes/" + nodeName)
	if err != nil {
		return err
	}
	var node struct {
		Spec   struct{ Taints []struct{ Key string } }
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return err
	}
	for _, taint := range node.Spec.Taints {
		return fmt.Errorf("the node has the taint %s", taint.Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		} else if condition.Type == "Ready" {
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	return fmt.Errorf("the node has not reported yet")
}
