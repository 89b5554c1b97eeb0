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
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/server"
	"github.com/dudaji/nufi/cmd/internal/program"
)

// grace is how long requests may take that were begun before the end.
const grace = 20 * time.Second

// run returns when ctx ends and what was begun is finished. Until then the server knows
// what happens in the cluster: what it serves while it drains is no older than before.
func run(ended context.Context, f flags) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ended))
	defer stop()
	logger, err := program.NewLogger(f.logLevel, f.logFormat)
	if err != nil {
		return err
	}
	log.SetLogger(logger)
	klog.SetLogger(logger.WithName("client-go"))
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
	c, err := connect(ctx, f, traced)
	if err != nil {
		return err
	}
	handler, err := newAPI(ctx, f, c, logger, registry)
	if err != nil {
		return err
	}
	options := server.Options{
		Handler: traced.requests(handler), Ending: handler.EndStreams, Ready: c.known.Ready,
		Metrics: registry, Drain: f.drain, Grace: grace, Log: logger,
	}
	if options.TLS, err = watchedTLS(ctx, f, logger); err != nil {
		return err
	}
	if options.Listen, err = listen(ctx, f.address); err != nil {
		return fmt.Errorf("--bind-address: %w", err)
	}
	if f.opsAddress != "0" {
		if options.Ops, err = listen(ctx, f.opsAddress); err != nil {
			return fmt.Errorf("--metrics-bind-address: %w", err)
		}
	}
	logger.Info("serving", "version", program.Version(), "address", options.Listen.Addr().String(), "tls", options.TLS != nil)
	group, ctx := errgroup.WithContext(ctx)
	c.run(ctx, group)
	serving, end := context.WithCancel(ended)
	defer context.AfterFunc(ctx, end)()
	group.Go(func() error {
		defer stop()
		return server.Run(serving, options)
	})
	return group.Wait()
}

func newAPI(ctx context.Context, f flags, c *connected, logger logr.Logger, registry prometheus.Registerer) (*api.API, error) {
	believed, login, err := authenticators(ctx, f, c.system)
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Templates: c.store.Serving, TemplateState: c.store.State, Live: c.known, Devices: c.board,
		Authenticator: believed, Users: c.users, Login: login, TrustedOrigins: f.trustedOrigins,
		Log: logger, Registry: registry, Clock: time.Now, Limits: api.DefaultLimits(),
	})
}

func restConfig(path string) (*rest.Config, error) {
	config, err := program.LoadKubeconfig(path, "")
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // Priority and fairness of Kubernetes' API server does that, for each person.
	return config, nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// watchedTLS serves the certificate as the files have it now. It is nil without files.
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
			logger.Error(err, "could not watch the certificate: it stays as it is")
		}
	}()
	return &tls.Config{GetCertificate: watcher.GetCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
