package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/server"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestShutdownFinishesRequestsInProgress(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-finish
		_, _ = io.WriteString(w, "whole")
	})
	clients, ops := listen(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Options{
			Handler: handler, Listen: clients, Ops: ops, Metrics: prometheus.NewRegistry(),
			Drain: time.Second, Grace: 10 * time.Second, Log: testr.New(t),
		})
	}()
	if status, _ := get(t, ops.Addr().String()+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz is %d", status)
	}
	response := make(chan string, 1)
	go func() {
		_, text := get(t, clients.Addr().String())
		response <- text
	}()
	<-started
	cancel()
	for status := http.StatusOK; status == http.StatusOK; {
		status, _ = get(t, ops.Addr().String()+"/readyz")
	}
	if status, _ := get(t, ops.Addr().String()+"/healthz"); status != http.StatusOK {
		t.Errorf("while draining, /healthz is %d", status)
	}
	close(finish)
	if text := <-response; text != "whole" {
		t.Errorf("the response is %q", text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// slow is the ReadTime of tests that wait for its end. On a busy machine, a request takes part of it.
const slow = time.Second

// sendRaw sends text to a server that ends with the test. A readTime of 0 is the default.
func sendRaw(t *testing.T, readTime time.Duration, handler http.HandlerFunc, text string) net.Conn {
	t.Helper()
	clients := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Options{
			Handler: handler, Listen: clients, Grace: 10 * time.Second, ReadTime: readTime, Log: testr.New(t),
		})
	}()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", clients.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = connection.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	return connection
}

func wantStatus(t *testing.T, connection net.Conn, want int) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != want {
		t.Errorf("status %d, want %d", response.StatusCode, want)
	}
}

func TestOversizedHeaderIsRejected(t *testing.T) {
	t.Parallel()
	connection := sendRaw(t, 0, http.NotFound, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 150<<10)+"\r\n\r\n")
	wantStatus(t, connection, http.StatusRequestHeaderFieldsTooLarge)
}

// net/http would response OPTIONS * by itself.
func TestEveryRequestIsTheHandlers(t *testing.T) {
	t.Parallel()
	wantStatus(t, sendRaw(t, 0, http.NotFound, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), http.StatusNotFound)
}

func TestSlowBodyTimesOut(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	sendRaw(t, slow, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the body ends with %v", err)
	}
}

func TestSlowHeaderTimesOut(t *testing.T) {
	t.Parallel()
	connection := sendRaw(t, slow, func(http.ResponseWriter, *http.Request) { t.Error("an incomplete request was served") }, "GET / HTTP/1.1\r\nHost: x\r\n")
	if _, err := io.Copy(io.Discard, connection); err != nil {
		t.Errorf("the connection ends with %v", err)
	}
}

func TestHTTP2IsServed(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	for name, test := range map[string]struct {
		tls      *tls.Config
		scheme   string
		protocol func(*http.Protocols)
		major    int
	}{
		"HTTP/1 over TLS":    {certified.TLS, "https", func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		"HTTP/2 over TLS":    {certified.TLS, "https", func(p *http.Protocols) { p.SetHTTP2(true) }, 2},
		"HTTP/1 without TLS": {nil, "http", func(p *http.Protocols) { p.SetHTTP1(true) }, 1},
		"HTTP/2 without TLS": {nil, "http", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := listen(t)
			config := test.tls
			if config != nil {
				config = &tls.Config{Certificates: config.Certificates, MinVersion: tls.VersionTLS12}
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- server.Run(ctx, server.Options{
					Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Listen: clients, TLS: config,
					Grace: 10 * time.Second, Log: testr.New(t),
				})
			}()
			roots := x509.NewCertPool()
			roots.AddCert(certified.Certificate())
			var protocols http.Protocols
			test.protocol(&protocols)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Protocols: &protocols}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.scheme+"://"+clients.Addr().String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.ProtoMajor != test.major {
				t.Errorf("the protocol is %s", response.Proto)
			}
			transport.CloseIdleConnections()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// The kernel doubles what is set.
func TestSendBufferIsLimited(t *testing.T) {
	t.Parallel()
	size := make(chan int, 1)
	sendRaw(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		defer close(size)
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = connection.Close() }()
		raw, err := connection.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		err = raw.Control(func(descriptor uintptr) {
			bytes, err := syscall.GetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
			if err != nil {
				t.Error(err)
			}
			size <- bytes
		})
		if err != nil {
			t.Error(err)
		}
	}, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if got := <-size; got > 512<<10 {
		t.Errorf("the kernel buffers %d bytes", got)
	}
}
