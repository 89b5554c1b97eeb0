// Package server listens: it serves a handler to clients, with a time limit on everything
// that they do, and metrics and probes on an address of their own.
//
// When its context ends it says so at /readyz, goes on serving while load balancers learn
// of it, then takes no new connection and finishes what was begun.
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

// Limits on what clients may take. A request has all of its body within readTime.
const (
	headerTime     = 10 * time.Second
	readTime       = 30 * time.Second
	writeTime      = 60 * time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 128 << 10 // above what handlers refuse with a problem
)

// Options are what to serve and where.
type Options struct {
	Handler http.Handler
	Listen  net.Listener // for clients
	TLS     *tls.Config  // nil: without
	Ops     net.Listener // for /metrics, /healthz and /readyz; nil: nowhere
	Metrics prometheus.Gatherer
	Drain   time.Duration // how long to go on serving when the context has ended
	Grace   time.Duration // how long what was begun may take after that
	// ReadTime is within which a request has come whole; 0 is 30 s.
	ReadTime time.Duration
	Ready    func() bool // whether it can be of use yet; nil: from the start
	Ending   func()      // called when the server stops, after Drain; nil: nothing is
	Log      logr.Logger
}

// Run serves until ctx ends and what was begun is finished.
func Run(ctx context.Context, o Options) error {
	var draining atomic.Bool
	clients := newServer(o.Handler, o.Log)
	clients.TLSConfig, clients.ReadTimeout = o.TLS, cmp.Or(o.ReadTime, readTime)
	clients.ReadHeaderTimeout = min(headerTime, clients.ReadTimeout)
	if o.Ending != nil {
		clients.RegisterOnShutdown(o.Ending)
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
		if ctx.Err() != nil { // nothing is to wait for where serving itself has failed
			<-time.After(o.Drain)
		}
		return stop(context.WithoutCancel(ctx), o.Grace, servers)
	})
	return group.Wait()
}

func newServer(handler http.Handler, log logr.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		// Or it would answer OPTIONS * by itself, to everybody.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     errorLog(log),
	}
}

func serve(server *http.Server, listener net.Listener) error {
	begin := server.Serve
	if server.TLSConfig != nil {
		begin = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // TLSConfig has the certificate
	}
	err := begin(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
}

// stop finishes what was begun, and breaks off what does not end within grace.
func stop(ctx context.Context, grace time.Duration, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var all error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("stopping: %w", err), server.Close())
		}
	}
	return all
}

// opsHandler serves whoever operates the server. None of it says anything of a person.
func opsHandler(o Options, draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case draining.Load():
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		case o.Ready != nil && !o.Ready():
			http.Error(w, "starting", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	return mux
}
