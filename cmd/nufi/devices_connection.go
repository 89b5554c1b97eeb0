package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/fetchers"
)

// maxToken bounds a token file, in bytes.
const maxToken = 64 << 10

// prometheusFlags say where Prometheus is and how to get in.
type prometheusFlags struct {
	url, tokenFile, caFile, certFile, keyFile string
}

func (f *prometheusFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "prometheus", "", "address of Prometheus, or of what speaks its API")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "file with a bearer token")
	cmd.Flags().StringVar(&f.caFile, "ca-file", "", "certificate authorities to trust instead of the system's")
	cmd.Flags().StringVar(&f.certFile, "cert-file", "", "client certificate")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "key of the client certificate")
	cobra.CheckErr(cmd.MarkFlagRequired("prometheus"))
}

func (f *prometheusFlags) querier() (fetchers.Querier, error) {
	config := fetchers.ClientConfig{URL: f.url}
	if f.tokenFile != "" {
		config.Token = f.token
	}
	var err error
	if config.TLS, err = f.tls(); err != nil {
		return nil, err
	}
	return fetchers.NewClient(config)
}

func (f *prometheusFlags) token() (string, error) {
	file, err := os.Open(f.tokenFile)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	token, err := io.ReadAll(io.LimitReader(file, maxToken))
	return strings.TrimSpace(string(token)), err
}

var errNoCertificates = errors.New("no certificates in it")

func (f *prometheusFlags) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file %s: %w", f.caFile, errNoCertificates)
		}
	}
	if f.certFile != "" || f.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--cert-file and --key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
