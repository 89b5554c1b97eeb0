// Package server serves a handler to clients, with time limits, and metrics and probes on
// another address.
//
// When its context ends, /readyz fails, and it continues to serve until load balancers have
// noticed. Then it accepts no new connections and finishes the requests in progress.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Limits on clients. The body of a request must arrive within readTime.
const (
	headerTime     = 10 * time.Second
	readTime       = 30 * time.Second
	writeTime      = 60 * time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 128 << 10 // above the limit of the handlers, which answer with a problem
)

// sendBuffer is how much of a response the kernel keeps until the client has read it, in bytes. It would
// keep 4 MiB for each connection. Clients also read a long response faster while the processor's caches
// have it.
const sendBuffer = 256 << 10

// LimitSendBuffer limits what the kernel keeps for a connection. It is the ConnContext of an http.Server.
func LimitSendBuffer(ctx context.Context, connection net.Conn) context.Context {
	if encrypted, ok := connection.(*tls.Conn); ok {
		connection = encrypted.NetConn()
	}
	if plain, ok := connection.(*net.TCPConn); ok {
		_ = plain.SetWriteBuffer(sendBuffer) // without it the server works, too
	}
	return ctx
}

// Options configure a server.
type Options struct {
	Handler http.Handler
	Listen  net.Listener // for clients
	TLS     *tls.Config  // nil for plain HTTP
	Ops     net.Listener // for /metrics, /healthz and /readyz; nil for none
	Metrics prometheus.Gatherer
	Drain   time.Duration // how long to serve after the context has ended
	Grace   time.Duration // bounds the requests in progress after Drain
	// ReadTime bounds the arrival of a request; 0 means 30 s.
	ReadTime   time.Duration
	Ready      func() bool // nil means always
	OnShutdown func()      // called after Drain; may be nil
	Log        logr.Logger
}

// Run serves until ctx ends and the requests in progress have finished.
func Run(ctx context.Context, o Options) error {
	var draining atomic.Bool
	clients := newServer(o.Handler, o.Log)
	clients.TLSConfig, clients.ReadTimeout = o.TLS, cmp.Or(o.ReadTime, readTime)
	clients.ReadHeaderTimeout = min(headerTime, clients.ReadTimeout)
	clients.Protocols = protocols(o.TLS != nil)
	if o.OnShutdown != nil {
		clients.RegisterOnShutdown(o.OnShutdown)
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(clients, o.Listen) })
	servers := []*http.Server{clients}
	if o.Ops != nil {
		ops := newServer(opsHandler(o, &draining), o.Log)
		servers = append(servers, ops)
		group.Go(func() error { return serve(ops, o.Ops) })
	}
	group.Go(func() error {
		<-running.Done()
		draining.Store(true)
		if ctx.Err() != nil { // not after an error of a listener
			<-time.After(o.Drain)
		}
		return stop(context.WithoutCancel(ctx), o.Grace, servers)
	})
	return group.Wait()
}

// protocols includes HTTP/2, which browsers need for more than six streams to one host. Without
// TLS it is for proxies that use prior knowledge (h2c).
func protocols(hasTLS bool) *http.Protocols {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(hasTLS)
	protocols.SetUnencryptedHTTP2(!hasTLS)
	return &protocols
}

func newServer(handler http.Handler, log logr.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       LimitSendBuffer,
		// The default handler answers OPTIONS * to unauthenticated clients.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     errorLog(log),
	}
}

func serve(server *http.Server, listener net.Listener) error {
	serve := server.Serve
	if server.TLSConfig != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // TLSConfig has the certificate
	}
	err := serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
}

// stop waits for the requests in progress and closes those that do not end within grace.
func stop(ctx context.Context, grace time.Duration, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var errs error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = errors.Join(errs, fmt.Errorf("stopping: %w", err), server.Close())
		}
	}
	return errs
}

// opsHandler serves metrics and probes, which must not contain data of users.
func opsHandler(o Options, draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case draining.Load():
			http.Error(w, "Stopping", http.StatusServiceUnavailable)
		case o.Ready != nil && !o.Ready():
			http.Error(w, "Starting", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	return mux
}
