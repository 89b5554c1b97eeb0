package main

import (
	"context"
	"os"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
)

// run returns after ctx has ended and the reconciles in progress have finished.
func run(ctx context.Context, f flags) error {
	logger, err := f.Start(ctx)
	if err != nil {
		return err
	}
	mgr, err := newManager(f, logger) //nolint:contextcheck // It does not wait for anything.
	if err != nil {
		return err
	}
	program.LogServing(logger, f.MetricsAddress, "probes", f.probeAddress)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { program.ReturnMemory(ctx); return nil })
	group.Go(func() error { return mgr.Start(logr.NewContext(ctx, logger)) })
	return group.Wait()
}

func newManager(f flags, logger logr.Logger) (manager.Manager, error) {
	config, err := f.RESTConfig()
	if err != nil {
		return nil, err
	}
	options := controller.Options{
		MetricsAddress:          f.MetricsAddress,
		ProbeAddress:            f.probeAddress,
		LeaderElection:          f.leaderElect,
		LeaderElectionNamespace: f.leaderElectionNamespace,
		TemplatesDir:            f.templatesDir,
		Workers:                 f.workers,
		Pod:                     types.NamespacedName{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")},
		Log:                     logger,
		Registry:                metrics.Registry,
		Validate:                templates.Validate,
	}
	if f.prometheus.URL != "" {
		if options.Prometheus, err = f.prometheus.Querier(); err != nil {
			return nil, err
		}
	}
	return controller.New(config, options)
}
