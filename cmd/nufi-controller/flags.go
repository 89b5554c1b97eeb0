package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/cmd/internal/program"
)

// flags configure the controller. Policy is CUE.
type flags struct {
	program.Flags

	probeAddress            string
	leaderElect             bool
	leaderElectionNamespace string
	templatesDir            string
	workers                 int
	prometheus              program.PrometheusFlags
}

func newCommand(run func(context.Context, flags) error) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:           "nufi-controller",
		Short:         "Apply the manifests of NpuDeploys and Projects, and report their status",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if f.workers < 1 {
				return errors.New("--workers must be at least 1")
			}
			return run(command.Context(), f)
		},
	}
	set := command.Flags()
	f.Add(set, ":8080", "/metrics; 0 for none")
	set.StringVar(&f.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	set.BoolVar(&f.leaderElect, "leader-elect", false, "reconcile only while holding the lease nufi-controller, so that replicas can stand by")
	set.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", "", "namespace of the lease, and of stored templates outside of a pod; if empty, the pod's own")
	set.StringVar(&f.templatesDir, "templates", "",
		"directory with cue.mod and schemas that replaces the compiled-in templates; changes take effect after validation")
	set.IntVar(&f.workers, "workers", 16, "number of NpuDeploys, and of Projects, that are reconciled concurrently")
	f.prometheus.Add(set, "prometheus-")
	return command
}
