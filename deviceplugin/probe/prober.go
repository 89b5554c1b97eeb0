// Package probe checks one device once.
//
// Steps: the card and its nodes exist, the card answers on the bus, the right driver is
// bound, every attribute of the description has a healthy value.
//
// Invariants: a probe ends with its context; an unreadable value is no data, neither good
// nor bad; a bad attribute takes precedence over one without data.
//
// It has no state but the last value of heartbeats: package health evaluates sequences of
// observations.
package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// The reasons of a probe's observations.
const (
	Answering         = "Answering"
	DeviceRemoved     = "DeviceRemoved"
	DeviceNodeMissing = "DeviceNodeMissing"
	OffTheBus         = "OffTheBus"
	DriverMissing     = "DriverMissing"
	AttributeBad      = "AttributeBad"
	NoData            = "NoData"
)

// Prober probes the devices of one description.
type Prober struct {
	tree       *sysfs.Tree
	rules      rules
	heartbeats heartbeats
}

type rules struct {
	vendor     string
	drivers    []string
	needsNodes bool
	attributes []description.Attribute
	free       *description.Attribute
}

// NewProber returns a Prober of a host's tree.
func NewProber(tree *sysfs.Tree, d description.Description) *Prober {
	return &Prober{tree: tree, heartbeats: heartbeats{clock: clock.RealClock{}, last: map[string]heartbeat{}}, rules: rules{
		vendor:     d.PCI.Vendor,
		drivers:    d.PCI.Drivers,
		needsNodes: len(d.Nodes.Sysfs)+len(d.Nodes.Dev)+len(d.Nodes.Partitions) > 0,
		attributes: d.Health.Attributes,
		free:       d.Preparation.Free,
	}}
}

// Observe probes a device. The first failed check is the reason.
func (p *Prober) Observe(ctx context.Context, device discovery.Device) health.Observation {
	checks := []func(context.Context, discovery.Device) health.Observation{
		p.present, p.onTheBus, p.driven, p.attributes,
	}
	for _, check := range checks {
		if o := check(ctx, device); o.Result != health.Good {
			return o
		}
	}
	return good()
}

// Free checks that no process uses the device, if its description has such a check.
func (p *Prober) Free(ctx context.Context, device discovery.Device) health.Observation {
	if p.rules.free == nil {
		return good()
	}
	return p.attribute(ctx, device.Dir, *p.rules.free)
}

func (p *Prober) present(_ context.Context, device discovery.Device) health.Observation {
	if err := p.tree.Inspect(path.Join(device.Dir, "vendor")); err != nil {
		return absent(err, DeviceRemoved, "the card is not on the PCI bus")
	}
	if p.rules.needsNodes && len(device.Nodes) == 0 {
		return observe(health.Absent, DeviceNodeMissing, "the driver created no device node")
	}
	for _, node := range device.Nodes {
		if err := p.tree.Inspect(node[1:]); err != nil {
			return absent(err, DeviceNodeMissing, node+" does not exist")
		}
	}
	return good()
}

// absent is no data unless a file does not exist: a missing right, for example of SELinux, proves nothing.
func absent(err error, code, message string) health.Observation {
	if !errors.Is(err, fs.ErrNotExist) {
		return observe(health.NoData, NoData, "%v", err)
	}
	return health.Observation{Result: health.Absent, Reason: health.Reason{Code: code, Message: message}}
}

// onTheBus reads the vendor id from the configuration space: a card that fell off the bus
// reads as all ones, while sysfs still serves its identity from memory.
func (p *Prober) onTheBus(ctx context.Context, device discovery.Device) health.Observation {
	config, err := p.tree.Head(ctx, path.Join(device.Dir, "config"), 2)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return good()
	case err != nil:
		return observe(health.NoData, NoData, "%v", err)
	case len(config) < 2:
		return observe(health.NoData, NoData, "the configuration space is empty")
	}
	got := binary.LittleEndian.Uint16(config)
	if physical := p.physicalFunction(ctx, device.Dir); got == noVendor && physical != "" {
		// A virtual function has no vendor id of its own (PCI Express Base Specification 6.0,
		// 9.3.4.1.1): its physical function answers for it.
		config, err := p.tree.Head(ctx, path.Join(physical, "config"), 2)
		if err != nil || len(config) < 2 {
			return observe(health.NoData, NoData, "the configuration space of the physical function is unreadable: %v", err)
		}
		got = binary.LittleEndian.Uint16(config)
	}
	if got := fmt.Sprintf("0x%04x", got); got != p.rules.vendor {
		return observe(health.Bad, OffTheBus, "the card answers as vendor %s instead of %s", got, p.rules.vendor)
	}
	return good()
}

// noVendor is the vendor id of a virtual function, and of a card that does not respond.
const noVendor = 0xffff

// physicalFunction returns the directory of a virtual function's physical function, or empty
// for a physical function. Without the kernel's link it is a neighbour with enabled virtual
// functions: a virtual function cannot enable any.
func (p *Prober) physicalFunction(ctx context.Context, dir string) string {
	if link := path.Join(dir, "physfn"); p.tree.Exists(link) {
		return link
	}
	if p.tree.Exists(path.Join(dir, "sriov_totalvfs")) || p.tree.Exists(path.Join(dir, "sriov_numvfs")) {
		return ""
	}
	bus, _, _ := strings.Cut(path.Base(dir), ".")
	for _, file := range p.tree.Match(path.Dir(dir), bus[:max(0, strings.LastIndex(bus, ":"))]+":*/sriov_numvfs") {
		if enabled, err := p.tree.Attribute(ctx, file); err == nil && enabled != "0" {
			return path.Dir(file)
		}
	}
	return ""
}

func (p *Prober) driven(_ context.Context, device discovery.Device) health.Observation {
	if len(p.rules.drivers) == 0 {
		return good()
	}
	target, err := p.tree.Target(path.Join(device.Dir, "driver"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return observe(health.Bad, DriverMissing, "no driver is bound, expected one of %v", p.rules.drivers)
	case err != nil:
		return observe(health.NoData, NoData, "%v", err)
	case !slices.Contains(p.rules.drivers, path.Base(target)):
		return observe(health.Bad, DriverMissing, "driver %s is bound, expected one of %v", path.Base(target), p.rules.drivers)
	}
	return good()
}

func good() health.Observation {
	return health.Observation{Result: health.Good, Reason: health.Reason{Code: Answering, Message: "every check passed"}}
}

func observe(result health.Result, code, format string, args ...any) health.Observation {
	return health.Observation{Result: result, Reason: health.Reason{Code: code, Message: fmt.Sprintf(format, args...)}}
}
