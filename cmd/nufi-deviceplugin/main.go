// Command nufi-deviceplugin offers a node's Sapeon X330s, or other PCI accelerators that a
// file describes, to pods as an extended resource.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/deviceplugin"
	"github.com/dudaji/nufi/deviceplugin/description"
)

func main() {
	os.Exit(program.Run(newCommand(run)))
}

func run(ctx context.Context, flags options) error {
	logger, err := flags.Start(ctx, "node", flags.nodeName)
	if err != nil {
		return err
	}
	config, err := flags.config(logr.NewContext(ctx, logger))
	if err != nil {
		return err
	}
	host, err := os.OpenRoot(flags.hostRoot)
	if err != nil {
		return fmt.Errorf("opening the host's root: %w", err)
	}
	defer host.Close() //nolint:errcheck // opened for reading
	config.Host = host.FS()
	config.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", flags.MetricsAddress)
	if err != nil {
		return fmt.Errorf("listening for metrics and health: %w", err)
	}
	plugin := deviceplugin.New(config)
	program.LogServing(logger, config.Listener.Addr().String(), "resource", config.Description.Resource, "reports", config.API != nil, "cdi", config.CDIDir)
	return plugin.Run(logr.NewContext(ctx, logger))
}

// check prints what a description finds on the host.
func check(ctx context.Context, w io.Writer, flags options) error {
	d, err := description.Load(flags.check)
	if err != nil {
		return err
	}
	host, err := os.OpenRoot(flags.hostRoot)
	if err != nil {
		return fmt.Errorf("opening the host's root: %w", err)
	}
	defer host.Close() //nolint:errcheck // opened for reading
	return deviceplugin.Check(ctx, w, host.FS(), d)
}

// config returns the configuration that depends on the flags and the node's versions.
func (f options) config(ctx context.Context) (deviceplugin.Config, error) {
	d, err := f.description()
	if err != nil {
		return deviceplugin.Config{}, err
	}
	api, err := f.api()
	if err != nil {
		return deviceplugin.Config{}, err
	}
	var info nodeInfo
	if api != nil {
		info = api.NodeInfo
	}
	cdiDir, err := f.cdiDirectory(ctx, info)
	if err != nil {
		return deviceplugin.Config{}, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return deviceplugin.Config{
		Description: d, HostPrefix: f.hostPrefix,
		KubeletDir: f.kubeletDir, PodResources: f.podResources, CDIDir: cdiDir,
		NodeName: f.nodeName, API: api, Registry: registry, Clock: clock.RealClock{},
	}, nil
}

func (f options) description() (description.Description, error) {
	if f.devices == "" {
		return description.X330()
	}
	return description.Load(f.devices)
}
