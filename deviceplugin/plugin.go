// Package deviceplugin offers a node's accelerators to pods as an extended resource.
//
// It connects the parts of the plugin. Each is a package that imports only packages above it:
//
//	description   the file that describes an accelerator
//	sysfs         bounded reads of the host's tree
//	outage        logs of errors that repeat
//	discovery     the devices on the bus
//	health        the state machine that evaluates a sequence of probes
//	probe         one check of a device
//	inventory     devices and health, kept up to date
//	allocate      which devices a container gets, and with which edits
//	cdi           the CDI specification for container runtimes
//	kubelet       the device plugin API and the registration
//	exporter      metrics
//	report        the node's condition and events
//
// Invariants: the inventory has no kubelet types, so that another kubelet API can be
// added beside this one; pods get devices while the API server and the pod-resources API
// are unavailable; Run owns every goroutine.
//
// It imports nothing else of this module.
package deviceplugin

import (
	"context"
	"io/fs"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/cdi"
	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/exporter"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/kubelet"
	"github.com/dudaji/nufi/deviceplugin/probe"
	"github.com/dudaji/nufi/deviceplugin/report"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// drainMargin is the time that a call may take beyond the preparation of a container.
const drainMargin = 5 * time.Second

// Config holds the plugin's paths and dependencies. An empty optional field disables
// its part.
type Config struct {
	Description description.Description
	// Host is the tree that holds the host's sys and dev.
	Host fs.FS
	// HostPrefix is the path of that tree for the container runtime; optional, by
	// default the host's root.
	HostPrefix string
	// KubeletDir is the kubelet's device plugin directory.
	KubeletDir string
	// PodResources is the kubelet's pod-resources socket; optional.
	PodResources string
	// CDIDir is the runtime's directory of CDI specifications; optional.
	CDIDir string
	// NodeName names the node in metrics and reports.
	NodeName string
	// API receives the node's condition and events; optional.
	API *report.API
	// Registry collects the metrics.
	Registry *prometheus.Registry
	// Listener serves /metrics, /healthz and /readyz.
	Listener net.Listener
	Clock    clock.WithTicker
}

// Plugin is a device plugin for one resource.
type Plugin struct {
	parts []part
}

// part runs until its context ends.
type part func(context.Context) error

// New returns a Plugin. Run starts it.
func New(c Config) *Plugin {
	d, tree := c.Description, sysfs.New(c.Host)
	scanner, prober := discovery.NewScanner(tree, d), probe.NewProber(tree, d)
	registerer := prometheus.WrapRegistererWith(prometheus.Labels{"resource": d.Resource}, c.Registry)
	devices := inventory.New(scanner, prober, options(d.Health, c.Clock))
	server := &kubelet.Server{
		Devices: devices, Prober: prober,
		Granter: allocate.Granter{
			Resource: d.Resource, Container: d.Container, Shared: scanner.Shared, Target: scanner.Target,
			HostPrefix: c.HostPrefix, CDI: c.CDIDir != "",
		},
		BeforeGrant:        func() error { return nil },
		KubeletDir:         c.KubeletDir,
		PreparationTimeout: d.Preparation.Timeout.Duration,
		Clock:              c.Clock, Metrics: kubelet.NewMetrics(registerer),
	}
	registration := kubelet.NewRegistration(server, c.KubeletDir, d.Preparation.Timeout.Duration+drainMargin)

	p := &Plugin{parts: []part{devices.Run, registration.Run, serveHTTP(c.Listener, handler(c.Registry, registration))}}
	p.describeToRuntime(c, server, devices, registerer)
	p.report(c, devices)
	registerer.MustRegister(exporter.NewHealth(devices, d, c.NodeName), registration.Collector())
	devices.OnTransition(exporter.NewTransitions(registerer).Count)
	c.Registry.MustRegister(exporter.NewTelemetry(devices, tree, d.Telemetry, c.NodeName))
	if c.PodResources != "" {
		registerer.MustRegister(exporter.NewAttribution(devices, c.PodResources, d.Resource, c.NodeName))
	}
	return p
}

// describeToRuntime grants nodes and mounts through a CDI specification.
func (p *Plugin) describeToRuntime(c Config, server *kubelet.Server, devices *inventory.Inventory, registerer prometheus.Registerer) {
	if c.CDIDir == "" {
		return
	}
	writer := cdi.NewWriter(c.CDIDir, server.Granter, devices, c.Clock)
	server.BeforeGrant = writer.Ensure
	registerer.MustRegister(writer.Collector())
	p.parts = append(p.parts, writer.Run)
}

// report publishes the devices' health as node condition and events.
func (p *Plugin) report(c Config, devices *inventory.Inventory) {
	if c.API == nil {
		return
	}
	events := report.NewEvents(c.API, c.NodeName, c.Description.Resource, c.Clock)
	devices.OnTransition(events.Notify)
	condition := report.Condition{
		API: c.API, Node: c.NodeName, Type: corev1.NodeConditionType(c.Description.Condition),
		Resource: c.Description.Resource, Devices: devices, Clock: c.Clock,
	}
	p.parts = append(p.parts, events.Run, condition.Run)
}

// Run runs until the context ends, and then lets the kubelet's calls in progress finish.
func (p *Plugin) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range p.parts {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}

func options(h description.Health, clk clock.WithTicker) inventory.Options {
	return inventory.Options{
		Policy: health.Policy{
			Bad: h.Fail.Bad, Of: h.Fail.Of, FailDwell: h.Fail.Dwell.Duration,
			Good: h.Recover.Good, RecoverDwell: h.Recover.Dwell.Duration,
			StaleAfter: h.StaleAfter.Duration,
		},
		Interval: h.Interval.Duration, Timeout: h.Timeout.Duration,
		Rescan: h.Rescan.Duration, ForgetAfter: h.ForgetAfter.Duration, Clock: clk,
	}
}
