// Command nufi-deviceplugin offers a node's Sapeon X330s, or other PCI accelerators that a
// file describes, to pods as an extended resource.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/deviceplugin"
	"github.com/dudaji/nufi/deviceplugin/description"
)

func main() {
	os.Exit(program.Run(newCommand(run)))
}

func run(ctx context.Context, flags options) error {
	log, err := newLogger()
	if err != nil {
		return err
	}
	config, err := flags.config()
	if err != nil {
		return err
	}
	host, err := os.OpenRoot(flags.hostRoot)
	if err != nil {
		return fmt.Errorf("opening the host's root: %w", err)
	}
	defer host.Close() //nolint:errcheck // opened for reading
	config.Host = host.FS()
	config.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", flags.listen)
	if err != nil {
		return fmt.Errorf("listening for metrics and health: %w", err)
	}
	plugin, err := deviceplugin.New(config)
	if err != nil {
		return err
	}
	log.Info("started", "version", program.Version(), "resource", config.Description.Resource, "node", config.NodeName,
		"listen", config.Listener.Addr().String(), "reports", config.API != nil)
	return plugin.Run(logr.NewContext(ctx, log))
}

func newLogger() (logr.Logger, error) {
	zapLog, err := zap.NewProduction()
	if err != nil {
		return logr.Logger{}, fmt.Errorf("creating a logger: %w", err)
	}
	return zapr.NewLogger(zapLog), nil
}

// config returns the configuration that depends on the flags alone.
func (f options) config() (deviceplugin.Config, error) {
	d, err := f.description()
	if err != nil {
		return deviceplugin.Config{}, err
	}
	api, err := f.api()
	if err != nil {
		return deviceplugin.Config{}, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return deviceplugin.Config{
		Description: d, HostPrefix: f.hostPrefix,
		KubeletDir: f.kubeletDir, PodResources: f.podResources, CDIDir: f.cdiDir,
		NodeName: f.nodeName, API: api, Registry: registry, Clock: clock.RealClock{},
	}, nil
}

func (f options) description() (description.Description, error) {
	if f.devices == "" {
		return description.X330()
	}
	return description.Load(f.devices)
}
