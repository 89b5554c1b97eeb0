package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

const (
	metricsInterval = 15 * time.Second
	metricsTimeout  = 10 * time.Second
)

// backends are the clients and caches of the server.
type backends struct {
	system    *kube.SystemClient
	users     *kube.UserClients
	cache     *live.Cache
	templates *templates.Store
	poller    *fetchers.Poller // nil without a Prometheus
	traffic   traffic.Querier  // nil without a Prometheus
	devices   *devices.Store
}

// newBackends makes no calls.
func newBackends(ctx context.Context, f flags, traced traced, registry prometheus.Registerer) (*backends, error) {
	config, err := f.RESTConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // API Priority and Fairness limits each user.
	calls, err := kube.NewCallMetrics(registry)
	if err != nil {
		return nil, err
	}
	c := &backends{}
	if c.users, err = kube.NewUserClients(config, calls.Wrapper("user"), traced.calls); err != nil {
		return nil, err
	}
	config.Wrap(calls.Wrapper("server"))
	if c.system, err = kube.NewSystemClient(config); err != nil {
		return nil, err
	}
	if c.cache, err = live.New(ctx, c.system, time.Now); err != nil {
		return nil, err
	}
	if err := registry.Register(c.cache.Collector()); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if c.templates, err = openTemplates(f.templatesDir, c.cache, logr.FromContextOrDiscard(ctx)); err != nil { //nolint:contextcheck // The validation has its own timeout.
		return nil, err
	}
	if f.prometheus.URL != "" {
		querier, err := f.prometheus.Querier()
		if err != nil {
			return nil, fmt.Errorf("--prometheus: %w", err)
		}
		c.poller, c.traffic = newPoller(querier), querier
	}
	c.devices = devices.NewStore(c.cache, func() *render.Catalogue { return c.templates.Serving().Catalogue }, c.poller)
	return c, nil
}

// run fills the caches until ctx ends.
func (b *backends) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return b.cache.Run(ctx) })
	group.Go(func() error { return b.templates.Start(ctx) })
	group.Go(func() error { return b.devices.Run(ctx) })
	if b.poller != nil {
		group.Go(func() error { b.poller.Run(ctx); return nil })
	}
}

// openTemplates validates candidates as the controller does, with the specs of the cluster, so
// that either both accept one or neither does.
func openTemplates(dir string, cache *live.Cache, logger logr.Logger) (*templates.Store, error) {
	store, err := templates.Open(dir, templates.Hooks{
		Live:     cache.Specs,
		Validate: templates.Validate,
		Swapped:  func(set *render.Templates) { logger.Info("Swapped the templates", "digest", set.Digest) },
		Rejected: func(string, error) {}, // The store logs the reason.
	})
	if err != nil {
		return nil, fmt.Errorf("--templates: %w", err)
	}
	return store, nil
}

func newPoller(querier fetchers.Querier) *fetchers.Poller {
	collector := fetchers.NewCollector(fetchers.NewFetchers(fetchers.DefaultMaxAge, time.Now), querier, metricsTimeout, time.Now)
	return fetchers.NewPoller(collector, metricsInterval, clock.RealClock{}, rand.Float64)
}
