package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/server"
	"github.com/dudaji/nufi/cmd/internal/program"
)

// grace bounds the requests that are in progress when the server stops.
const grace = 20 * time.Second

// listenFunc returns the listener of an address.
type listenFunc func(ctx context.Context, address string) (net.Listener, error)

// run returns after ended and the end of the requests in progress. The caches are updated until
// then, so that responses during the drain are up to date.
func run(ended context.Context, f flags, listen listenFunc) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ended))
	defer stop()
	logger, err := f.Start(ended)
	if err != nil {
		return err
	}
	ctx = logr.NewContext(ctx, logger)

	registry := prometheus.NewRegistry()
	if err := errors.Join(registry.Register(collectors.NewGoCollector()),
		registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	traced, err := openTracing(ctx, logger)
	if err != nil {
		return err
	}
	defer traced.close(context.WithoutCancel(ctx))
	c, err := newBackends(ctx, f, traced, registry)
	if err != nil {
		return err
	}
	handler, err := newAPI(ctx, f, c, logger, registry)
	if err != nil {
		return err
	}
	options := server.Options{
		Handler: traced.requests(handler), OnShutdown: handler.EndStreams, Ready: c.cache.Ready,
		Metrics: registry, Drain: f.drain, Grace: grace, Log: logger,
	}
	if options.TLS, err = watchedTLS(ctx, f, logger); err != nil {
		return err
	}
	if options.Listen, err = listen(ctx, f.address); err != nil {
		return fmt.Errorf("--bind-address: %w", err)
	}
	if f.MetricsAddress != "0" {
		if options.Ops, err = listen(ctx, f.MetricsAddress); err != nil {
			return fmt.Errorf("--metrics-bind-address: %w", err)
		}
	}
	program.LogServing(logger, options.Listen.Addr().String(), "tls", options.TLS != nil)
	group, ctx := errgroup.WithContext(ctx)
	c.run(ctx, group)
	group.Go(func() error { program.ReturnMemory(ctx); return nil })
	serving, end := context.WithCancel(ended)
	defer context.AfterFunc(ctx, end)()
	group.Go(func() error {
		defer stop()
		return server.Run(serving, options)
	})
	return group.Wait()
}

func newAPI(ctx context.Context, f flags, c *backends, logger logr.Logger, registry prometheus.Registerer) (*api.API, error) {
	metrics, err := auth.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	authenticator, login, err := authenticators(ctx, f, c.system, metrics)
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Templates: c.templates.Serving, TemplateState: c.templates.State, Live: c.cache, Devices: c.devices, Traffic: c.traffic,
		Authenticator: authenticator, Users: c.users, Login: login, TrustedOrigins: f.trustedOrigins,
		Log: logger, Registry: registry, Clock: time.Now, Limits: api.DefaultLimits(),
	})
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// watchedTLS follows changes of the certificate files. It is nil without files.
func watchedTLS(ctx context.Context, f flags, logger logr.Logger) (*tls.Config, error) {
	if f.tlsCert == "" {
		return nil, nil
	}
	watcher, err := certwatcher.New(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert-file: %w", err)
	}
	go func() {
		if err := watcher.Start(ctx); err != nil {
			logger.Error(err, "Watching the certificate failed: it will not be reloaded")
		}
	}()
	return &tls.Config{GetCertificate: watcher.GetCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
