package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// lifetime of everything issued: a cluster is issued new credentials at each start.
const lifetime = 365 * 24 * time.Hour

// authority signs the certificates of one cluster, and is forgotten after its start.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	from time.Time
}

// pair is a certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newAuthority(now time.Time) (*authority, pair, error) {
	a := &authority{from: now.Add(-time.Hour)} // A clock may be set back while the cluster runs.
	template := a.template(pkix.Name{CommonName: "nufi"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, issued, err := issue(template, template, nil)
	if err != nil {
		return nil, pair{}, err
	}
	a.key = key
	block, _ := pem.Decode(issued.cert)
	a.cert, err = x509.ParseCertificate(block.Bytes)
	return a, issued, err
}

// issue returns a pair for a program or a user: good for serving on loopback and for
// proving, to the API server, a user name (the common name) and its group.
func (a *authority) issue(user, group string) (pair, error) {
	template := a.template(pkix.Name{CommonName: user, Organization: []string{group}})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.ParseIP(loopback)}
	_, issued, err := issue(template, a.cert, a.key)
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

// issue makes a key and has its certificate signed; without a signer, by itself.
func issue(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, pair, error) {
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
