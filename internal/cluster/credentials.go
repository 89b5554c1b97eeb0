package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const (
	// server is the serving pair of etcd and the API server, and the API server's client
	// pair for etcd.
	server = "server"
	// serviceAccounts is the pair that signs the tokens of service accounts.
	serviceAccounts = "service-accounts"
	// kubeletClient is the API server's client pair for kubelets, which serve logs.
	kubeletClient = "kubelet-client"
)

// issueCredentials writes the certificates and kubeconfigs of a cluster with an API server
// on port, and returns the administrator's configuration.
func issueCredentials(dir string, port int, now time.Time) (*rest.Config, error) {
	ca, root, err := newAuthority(now)
	if err != nil {
		return nil, fmt.Errorf("issuing the authority: %w", err)
	}
	if err := writePair(dir, "ca", root); err != nil {
		return nil, err
	}
	for name, group := range map[string]string{server: "nufi", serviceAccounts: "nufi", kubeletClient: "system:masters"} {
		issued, err := ca.issue(name, group)
		if err != nil {
			return nil, fmt.Errorf("issuing %s: %w", name, err)
		}
		if err := writePair(dir, name, issued); err != nil {
			return nil, err
		}
	}
	users := []struct{ file, user, group string }{
		{string(ControllerManager), "system:kube-controller-manager", "nufi"},
		{string(Scheduler), "system:kube-scheduler", "nufi"},
		{"", "admin", "system:masters"},
	}
	for _, u := range users {
		identity, err := ca.issue(u.user, u.group)
		if err != nil {
			return nil, fmt.Errorf("issuing %s: %w", u.user, err)
		}
		config := kubeconfig(url(port), root.cert, u.user, identity)
		if err := clientcmd.WriteToFile(config, kubeconfigPath(dir, u.file)); err != nil {
			return nil, diskFull(err)
		}
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfigPath(dir, ""))
}

func kubeconfig(server string, root []byte, user string, p pair) api.Config {
	config := api.NewConfig()
	config.Clusters["nufi"] = &api.Cluster{Server: server, CertificateAuthorityData: root}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	config.Contexts["nufi"] = &api.Context{Cluster: "nufi", AuthInfo: user}
	config.CurrentContext = "nufi"
	return *config
}

// lifetime is the lifetime of every certificate. Each start of a cluster issues new ones.
const lifetime = 365 * 24 * time.Hour

// authority signs the certificates of one start of a cluster. Its key is not stored.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	from time.Time
}

// pair is a certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newAuthority(now time.Time) (*authority, pair, error) {
	a := &authority{from: now.Add(-time.Hour)} // The clock may be set back while the cluster runs.
	template := a.template(pkix.Name{CommonName: "nufi"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, issued, err := newPair(template, template, nil)
	if err != nil {
		return nil, pair{}, err
	}
	a.key = key
	block, _ := pem.Decode(issued.cert)
	a.cert, err = x509.ParseCertificate(block.Bytes)
	return a, issued, err
}

// issue returns a pair for a program or a user. It is valid for serving on loopback, also as a Service that
// extends the API, and as a client certificate with a user name (the common name) and a group.
func (a *authority) issue(user, group string) (pair, error) {
	template := a.template(pkix.Name{CommonName: user, Organization: []string{group}})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "*.kube-system.svc"}
	template.IPAddresses = []net.IP{net.ParseIP(loopback)}
	_, issued, err := newPair(template, a.cert, a.key)
	return issued, err
}

func (a *authority) template(subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte(rand.Text())),
		Subject:      subject,
		NotBefore:    a.from,
		NotAfter:     a.from.Add(lifetime),
	}
}

// newPair creates a key and its certificate. Without a signer, the certificate is self-signed.
func newPair(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, pair{}, err
	}
	if signer == nil {
		signer = key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, pair{}, err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	return key, pair{cert: block("CERTIFICATE", cert), key: block("EC PRIVATE KEY", encoded)}, err
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
