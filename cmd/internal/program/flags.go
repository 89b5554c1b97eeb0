package program

import (
	"context"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
)

// Flags are the flags of every server.
type Flags struct {
	Kubeconfig     string
	MetricsAddress string // host:port
	LogLevel       string
	LogFormat      string
}

// Add adds the flags. The usage of --metrics-bind-address names the paths that it serves.
func (f *Flags) Add(set *pflag.FlagSet, metricsAddress, served string) {
	set.StringVar(&f.Kubeconfig, "kubeconfig", "",
		"file with the access to the cluster; if empty, $KUBECONFIG, the pod's service account or ~/.kube/config")
	set.StringVar(&f.MetricsAddress, "metrics-bind-address", metricsAddress, "address of "+served)
	set.StringVar(&f.LogLevel, "log-level", "info", "debug, info or error")
	set.StringVar(&f.LogFormat, "log-format", "json", "json or console")
}

// RESTConfig returns the access to the cluster, or ErrNoCluster.
func (f *Flags) RESTConfig() (*rest.Config, error) { return LoadKubeconfig(f.Kubeconfig, "") }

// Start returns the program's logger, which the libraries use as well. It logs the start with
// the version, and the stop when ctx ends.
func (f *Flags) Start(ctx context.Context, keysAndValues ...any) (logr.Logger, error) {
	logger, err := NewLogger(f.LogLevel, f.LogFormat)
	if err != nil {
		return logr.Logger{}, err
	}
	SetLibraryLogger(logger)
	logger.Info("Starting", append([]any{"version", Version()}, keysAndValues...)...)
	context.AfterFunc(ctx, func() { logger.Info("Stopping") })
	return logger, nil
}

// LogServing logs the address of a listener. Further keys and values describe what it serves.
func LogServing(logger logr.Logger, address string, keysAndValues ...any) {
	logger.Info("Serving", append([]any{"address", address}, keysAndValues...)...)
}
