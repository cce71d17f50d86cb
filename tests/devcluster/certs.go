package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs the cluster's certificates; it is made anew for each cluster.
type authority struct {
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(folder, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certTemplate(pkix.Name{CommonName: name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{folder, cert, key}, writePair(folder, name, der, key)
}

// issue writes NAME.crt and NAME.key: for a client named by `subject`, and for a server
// at `hosts` where there are any.
func (a *authority) issue(name string, subject pkix.Name, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certTemplate(subject)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePair(a.folder, name, der, key)
}

func certTemplate(subject pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // no randomness, no cluster
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
	}
}

func writePair(folder, name string, certDER []byte, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, name+".key"), "PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, name+".crt"), "CERTIFICATE", certDER, 0o644)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// makeCertificates makes all of a cluster's, and a kubeconfig for each client.
func (c *cluster) makeCertificates() error {
	folder := c.path("pki")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(folder, "ca")
	if err != nil {
		return err
	}
	// An authority of its own: whoever it signs for may speak for any user.
	front, err := newAuthority(folder, "front-proxy-ca")
	if err != nil {
		return err
	}
	if err := front.issue("front-proxy-client", pkix.Name{CommonName: "front-proxy-client"}); err != nil {
		return err
	}
	err = ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"},
		c.Address, "127.0.0.1", "localhost", firstServiceAddress, "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return err
	}
	controllers := pkix.Name{CommonName: "system:kube-controller-manager"}
	if c.Settings.ControllersShareAccount {
		controllers.Organization = []string{"system:masters"} // there are no roles for this
	}
	clients := []struct {
		name    string
		subject pkix.Name
		hosts   []string
	}{
		{"admin", pkix.Name{CommonName: "kliv-admin", Organization: []string{"system:masters"}}, nil},
		{"apiserver-kubelet-client", pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}}, nil},
		{"controller-manager", controllers, nil},
		{"scheduler", pkix.Name{CommonName: "system:kube-scheduler"}, nil},
		{"kube-proxy", pkix.Name{CommonName: "system:kube-proxy"}, nil},
		{"kubelet", pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}}, []string{nodeName, c.Address}},
	}
	for _, client := range clients {
		if err := ca.issue(client.name, client.subject, client.hosts...); err != nil {
			return err
		}
		if err := c.writeKubeconfig(client.name); err != nil {
			return err
		}
	}
	return ca.issue("service-account", pkix.Name{CommonName: "service-account"})
}

// writeKubeconfig writes a kubeconfig that stands alone: its certificates are in it.
func (c *cluster) writeKubeconfig(client string) error {
	encoded := func(file string) string {
		content, _ := os.ReadFile(c.path("pki", file))
		return base64.StdEncoding.EncodeToString(content)
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: devcluster
contexts: [{name: devcluster, context: {cluster: devcluster, user: %[1]s}}]
clusters: [{name: devcluster, cluster: {server: %[2]q, certificate-authority-data: %[3]s}}]
users: [{name: %[1]s, user: {client-certificate-data: %[4]s, client-key-data: %[5]s}}]
`, client, c.server(), encoded("ca.crt"), encoded(client+".crt"), encoded(client+".key"))
	return os.WriteFile(c.kubeconfig(client), []byte(text), 0o600)
}
