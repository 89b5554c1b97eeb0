package program

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/dudaji/nufi/fetchers"
)

// maxToken bounds a token file, in bytes.
const maxToken = 64 << 10

// PrometheusFlags select a Prometheus and its credentials.
type PrometheusFlags struct {
	URL string

	prefix                               string
	tokenFile, caFile, certFile, keyFile string
}

// Add adds the flags: --prometheus, and the others with prefix before their names.
func (f *PrometheusFlags) Add(set *pflag.FlagSet, prefix string) {
	f.prefix = prefix
	set.StringVar(&f.URL, "prometheus", "", "URL of Prometheus, or of a server with its API")
	set.StringVar(&f.tokenFile, prefix+"token-file", "", "file with a bearer token")
	set.StringVar(&f.caFile, prefix+"ca-file", "", "certificate authorities to trust instead of the system's")
	set.StringVar(&f.certFile, prefix+"cert-file", "", "client certificate")
	set.StringVar(&f.keyFile, prefix+"key-file", "", "key of the client certificate")
}

// Querier returns a client for the Prometheus of the flags.
func (f *PrometheusFlags) Querier() (*fetchers.Client, error) {
	config := fetchers.ClientConfig{URL: f.URL}
	if f.tokenFile != "" {
		config.Token = f.token
	}
	var err error
	if config.TLS, err = f.tls(); err != nil {
		return nil, err
	}
	return fetchers.NewClient(config)
}

func (f *PrometheusFlags) token() (string, error) {
	file, err := os.Open(f.tokenFile)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	token, err := io.ReadAll(io.LimitReader(file, maxToken))
	return strings.TrimSpace(string(token)), err
}

func (f *PrometheusFlags) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		var err error
		if config.RootCAs, err = ReadCertPool(f.caFile); err != nil {
			return nil, fmt.Errorf("--%sca-file: %w", f.prefix, err)
		}
	}
	if f.certFile != "" || f.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--%scert-file and --%skey-file: %w", f.prefix, f.prefix, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// ReadCertPool returns the certificates of a PEM file.
func ReadCertPool(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name) //nolint:gosec // The operator names the file.
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s contains no certificates", name)
	}
	return pool, nil
}
