package main

import (
	"context"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
)

// run returns when ctx ends and what was begun is finished.
func run(ctx context.Context, f flags) error {
	logger, err := program.NewLogger(f.logLevel, f.logFormat)
	if err != nil {
		return err
	}
	log.SetLogger(logger)
	klog.SetLogger(logger.WithName("client-go"))

	mgr, err := newManager(f, logger) //nolint:contextcheck // What it does without a context waits for nothing.
	if err != nil {
		return err
	}
	logger.Info("Started", "version", program.Version())
	return mgr.Start(logr.NewContext(ctx, logger))
}

func newManager(f flags, logger logr.Logger) (manager.Manager, error) {
	config, err := program.LoadKubeconfig(f.kubeconfig, "")
	if err != nil {
		return nil, err
	}
	return controller.New(config, controller.Options{
		MetricsAddress:          f.metricsAddress,
		ProbeAddress:            f.probeAddress,
		LeaderElection:          f.leaderElect,
		LeaderElectionNamespace: f.leaderElectionNamespace,
		TemplatesDir:            f.templatesDir,
		Workers:                 f.workers,
		Pod:                     types.NamespacedName{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")},
		Log:                     logger,
		Registry:                metrics.Registry,
		Judge:                   templates.Validate,
	})
}
