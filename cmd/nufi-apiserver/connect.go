package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// How often Prometheus is asked, and how long it may take.
const (
	metricsInterval = 15 * time.Second
	metricsTimeout  = 10 * time.Second
)

// connected is what the server knows, and whom it asks.
type connected struct {
	system *kube.SystemClient
	users  *kube.Users
	known  *live.Cache
	store  *templates.Store
	poller *fetchers.Poller // nil: there is no Prometheus
	board  *devices.Store
}

// connect asks nobody anything yet.
func connect(ctx context.Context, f flags, traced traced) (*connected, error) {
	config, err := restConfig(f.kubeconfig)
	if err != nil {
		return nil, err
	}
	c := &connected{}
	if c.system, err = kube.NewSystemClient(config); err != nil {
		return nil, err
	}
	if c.users, err = kube.NewUsers(config, traced.calls); err != nil {
		return nil, err
	}
	if c.known, err = live.New(ctx, c.system, time.Now); err != nil {
		return nil, err
	}
	if c.store, err = openTemplates(f.templatesDir, c.known, logr.FromContextOrDiscard(ctx)); err != nil {
		return nil, err
	}
	if c.poller, err = newPoller(f); err != nil {
		return nil, err
	}
	c.board = devices.NewStore(c.known, func() *render.Catalogue { return c.store.Serving().Catalogue }, c.poller)
	return c, nil
}

// run keeps up with all of it until ctx ends.
func (c *connected) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return c.known.Run(ctx) })
	group.Go(func() error { return c.store.Start(ctx) })
	group.Go(func() error { return c.board.Run(ctx) })
	if c.poller != nil {
		group.Go(func() error { c.poller.Run(ctx); return nil })
	}
}

// openTemplates judges a candidate as the controller does, by what is live, so that both
// swap it in or neither does.
func openTemplates(dir string, known *live.Cache, logger logr.Logger) (*templates.Store, error) {
	store, err := templates.Open(dir, templates.Hooks{
		Live:     known.Specs,
		Validate: templates.Validate,
		Swapped:  func(set *render.Templates) { logger.Info("swapped the templates", "digest", set.Digest) },
		Rejected: func(string, error) {}, // The store logs the reason.
	})
	if err != nil {
		return nil, fmt.Errorf("--templates: %w", err)
	}
	return store, nil
}

// newPoller returns nil where no Prometheus is named.
func newPoller(f flags) (*fetchers.Poller, error) {
	if f.prometheus.URL == "" {
		return nil, nil
	}
	querier, err := f.prometheus.Querier()
	if err != nil {
		return nil, fmt.Errorf("--prometheus: %w", err)
	}
	collector := fetchers.NewCollector(fetchers.NewFetchers(fetchers.DefaultMaxAge, time.Now), querier, metricsTimeout, time.Now)
	return fetchers.NewPoller(collector, metricsInterval, clock.RealClock{}, rand.Float64), nil
}
