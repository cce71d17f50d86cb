package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	serviceRange        = "10.213.128.0/20"
	firstServiceAddress = "10.213.128.1"
)

// Every request by name, never by content: the independent counter of writes.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

func (c *cluster) startControlPlane() error {
	err := c.spawn("etcd", c.Tools["etcd"],
		"--name=devcluster",
		"--data-dir="+c.path("etcd"),
		"--listen-client-urls="+c.etcdEndpoint(),
		"--advertise-client-urls="+c.etcdEndpoint(),
		fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", c.Ports["etcd-peer"]),
		fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", c.Ports["etcd-peer"]),
		fmt.Sprintf("--initial-cluster=devcluster=http://127.0.0.1:%d", c.Ports["etcd-peer"]),
		"--unsafe-no-fsync", // a cluster that is thrown away after a power cut anyway
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	)
	if err != nil {
		return err
	}
	err = c.waitWhileAlive(180*time.Second, "etcd", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.Ports["etcd"]))
		if err == nil {
			conn.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := c.startAPIServer(); err != nil {
		return err
	}
	common := []string{"--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"}
	err = c.spawn("kube-controller-manager", c.Tools["kube-controller-manager"], append(common,
		"--kubeconfig="+c.kubeconfig("controller-manager"),
		"--root-ca-file="+c.path("pki", "ca.crt"),
		"--service-account-private-key-file="+c.path("pki", "service-account.key"),
		fmt.Sprintf("--use-service-account-credentials=%t", !c.Settings.ControllersShareAccount),
	)...)
	if err != nil {
		return err
	}
	if err := c.spawn("kube-scheduler", c.Tools["kube-scheduler"], append(common, "--kubeconfig="+c.kubeconfig("scheduler"))...); err != nil {
		return err
	}
	err = c.waitWhileAlive(180*time.Second, "the first ServiceAccount", func() error {
		_, err := c.get("/api/v1/namespaces/default/serviceaccounts/default")
		return err
	})
	if err != nil {
		return err
	}
	// What answered may be another cluster's, which took a port before us.
	return c.dead()
}

func (c *cluster) startAPIServer() error {
	policy := []byte(auditPolicy)
	if c.Settings.AuditPolicy != "" {
		var err error
		if policy, err = os.ReadFile(c.Settings.AuditPolicy); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.path("config", "audit.yaml"), policy, 0o644); err != nil {
		return err
	}
	// Nobody yet; whoever writes another one there is trusted without a restart.
	trusted := []byte("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n")
	if err := os.WriteFile(c.path("config", "authentication.yaml"), trusted, 0o644); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + c.etcdEndpoint(),
		"--bind-address=" + c.Address,
		"--advertise-address=" + c.Address,
		fmt.Sprintf("--secure-port=%d", c.Ports["kube-apiserver"]),
		"--tls-cert-file=" + c.path("pki", "apiserver.crt"),
		"--tls-private-key-file=" + c.path("pki", "apiserver.key"),
		"--client-ca-file=" + c.path("pki", "ca.crt"),
		"--authentication-config=" + c.path("config", "authentication.yaml"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("pki", "service-account.crt"),
		"--service-account-signing-key-file=" + c.path("pki", "service-account.key"),
		"--requestheader-client-ca-file=" + c.path("pki", "front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.path("pki", "front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.path("pki", "front-proxy-client.key"),
		"--audit-policy-file=" + c.path("config", "audit.yaml"),
		"--audit-log-path=" + c.path("audit.log"),
		// One file, however long a cluster is used: by default it begins anew at 100 MB.
		"--audit-log-maxsize=1000000",
		"--allow-privileged=true",
		"--profiling=false",
	}
	if c.Settings.Whole {
		args = append(args,
			"--enable-aggregator-routing=true", // webhooks are called at their pods' addresses
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-certificate-authority="+c.path("pki", "ca.crt"),
			"--kubelet-client-certificate="+c.path("pki", "apiserver-kubelet-client.crt"),
			"--kubelet-client-key="+c.path("pki", "apiserver-kubelet-client.key"),
		)
	} else {
		args = append(args, "--endpoint-reconciler-type=none") // an address of loopback can't be a Service's
	}
	if c.Settings.KeepRevisions {
		args = append(args, "--etcd-compaction-interval=0")
	}
	if !c.Settings.PlainSecrets {
		if err := c.writeEncryptionConfig(); err != nil {
			return err
		}
		args = append(args, "--encryption-provider-config="+c.path("config", "encryption.yaml"))
	}
	if err := c.spawn("kube-apiserver", c.Tools["kube-apiserver"], args...); err != nil {
		return err
	}
	return c.waitWhileAlive(300*time.Second, "the API server", c.ready)
}

func (c *cluster) writeEncryptionConfig() error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	text := fmt.Sprintf(`apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: key1, secret: %s}]}
  - identity: {}
`, base64.StdEncoding.EncodeToString(key))
	return os.WriteFile(c.path("config", "encryption.yaml"), []byte(text), 0o600)
}

// waitWhileAlive waits, but not for what can't come because a process ended.
func (c *cluster) waitWhileAlive(limit time.Duration, what string, try func() error) error {
	return waitFor(limit, what, func() error {
		err := try()
		if err == nil {
			return nil
		}
		if dead := c.dead(); dead != nil {
			return dead
		}
		return errors.Join(err)
	})
}
