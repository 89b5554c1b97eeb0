package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// flags are all that can be configured. Policy is not among them: it is CUE.
type flags struct {
	kubeconfig              string
	metricsAddress          string
	probeAddress            string
	leaderElect             bool
	leaderElectionNamespace string
	templatesDir            string
	workers                 int
	logLevel                string
	logFormat               string
}

func newCommand(run func(context.Context, flags) error) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:           "nufi-controller",
		Short:         "Make the cluster hold what NpuDeploys ask for",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if f.workers < 1 {
				return errors.New("--workers has to be at least 1")
			}
			return run(command.Context(), f)
		},
	}
	set := command.Flags()
	set.StringVar(&f.kubeconfig, "kubeconfig", "",
		"file with the access to the cluster; without, $KUBECONFIG, the pod's service account or ~/.kube/config")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8080", "where /metrics is served; 0 serves none")
	set.StringVar(&f.probeAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served; 0 serves none")
	set.BoolVar(&f.leaderElect, "leader-elect", false, "work only while holding the lease nufi-controller, so that replicas can stand by")
	set.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", "", "namespace of the lease; without, the pod's own")
	set.StringVar(&f.templatesDir, "templates", "",
		"directory with cue.mod and schemas that replaces the templates compiled in; changes take effect once they are judged")
	set.IntVar(&f.workers, "workers", 8, "how many NpuDeploys, and how many Projects, are reconciled at a time")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info or error")
	set.StringVar(&f.logFormat, "log-format", "json", "json or console")
	return command
}
