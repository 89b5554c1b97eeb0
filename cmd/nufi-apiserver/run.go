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
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/server"
	"github.com/dudaji/nufi/cmd/internal/logs"
	"github.com/dudaji/nufi/controller/render"
	"github.com/dudaji/nufi/controller/templates"
)

// grace is how long requests may take that were begun before the end.
const grace = 20 * time.Second

// run returns when ctx ends and what was begun is finished.
func run(ctx context.Context, f flags) error {
	logger, err := logs.New(f.logLevel, f.logFormat)
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
	handler, known, err := newAPI(ctx, f, logger, registry, traced)
	if err != nil {
		return err
	}
	options := server.Options{
		Handler: traced.requests(handler), Ending: handler.EndStreams, Ready: known.Ready,
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
	logger.Info("serving", "address", options.Listen.Addr().String(), "tls", options.TLS != nil)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return known.Run(ctx) })
	group.Go(func() error { return server.Run(ctx, options) })
	return group.Wait()
}

func newAPI(ctx context.Context, f flags, logger logr.Logger, registry prometheus.Registerer, traced traced) (*api.API, *live.Cluster, error) {
	config, err := restConfig(f.kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	system, err := kube.NewSystem(config)
	if err != nil {
		return nil, nil, err
	}
	users, err := kube.NewUsers(config, traced.calls)
	if err != nil {
		return nil, nil, err
	}
	believed, login, err := authenticators(ctx, f, system)
	if err != nil {
		return nil, nil, err
	}
	store, err := openTemplates(ctx, f.templatesDir, logger)
	if err != nil {
		return nil, nil, err
	}
	known, err := live.New(ctx, system, time.Now)
	if err != nil {
		return nil, nil, err
	}
	handler, err := api.New(api.Options{
		Templates: store.Serving, Live: known,
		Authenticator: believed, Users: users, Login: login, TrustedOrigins: f.trustedOrigins,
		Log: logger, Registry: registry, Clock: time.Now, Limits: api.DefaultLimits(),
	})
	return handler, known, err
}

// openTemplates looks after the directory until ctx ends. A candidate is judged by the
// examples: whether live deployments render with it, the controller sees to.
func openTemplates(ctx context.Context, dir string, logger logr.Logger) (*templates.Store, error) {
	store, err := templates.Open(dir, templates.Hooks{
		Live:     func(context.Context) (templates.Live, error) { return templates.Live{}, nil },
		Judge:    templates.Judge,
		Swapped:  func(set *render.Templates) { logger.Info("swapped the templates", "digest", set.Digest) },
		Rejected: func(string, error) {}, // The store logs the reason.
	})
	if err != nil {
		return nil, fmt.Errorf("--templates: %w", err)
	}
	go func() { _ = store.Start(ctx) }() // It ends with ctx, and never with an error.
	return store, nil
}

func restConfig(path string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
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
