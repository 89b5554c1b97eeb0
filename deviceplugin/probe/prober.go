// Package probe looks at one device, once, and says what it saw.
//
// Steps: the card and its nodes are there, the card answers on the bus, the driver
// is the right one, every attribute of the description is as it should be.
//
// Invariants: a probe ends with its context; what could not be read is no data, and
// is never taken for good or bad; a bad attribute counts even where others gave no
// data.
//
// It has no memory: what a row of observations means is health's affair.
package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// The reasons that a probe gives.
const (
	Answering         = "Answering"
	DeviceRemoved     = "DeviceRemoved"
	DeviceNodeMissing = "DeviceNodeMissing"
	OffTheBus         = "OffTheBus"
	DriverMissing     = "DriverMissing"
	AttributeBad      = "AttributeBad"
	NoData            = "NoData"
)

// Prober looks at the devices of one description.
type Prober struct {
	tree  *sysfs.Tree
	rules rules
}

type rules struct {
	vendor     string
	drivers    []string
	needsNodes bool
	attributes []description.Attribute
	free       *description.Attribute
}

// NewProber makes a Prober of a host's tree.
func NewProber(tree *sysfs.Tree, d description.Description) *Prober {
	return &Prober{tree: tree, rules: rules{
		vendor:     d.PCI.Vendor,
		drivers:    d.PCI.Drivers,
		needsNodes: len(d.Nodes.Sysfs)+len(d.Nodes.Dev) > 0,
		attributes: d.Health.Attributes,
		free:       d.Preparation.Free,
	}}
}

// Observe looks at a device. The first thing that is wrong is the reason.
func (p *Prober) Observe(ctx context.Context, device discovery.Device) health.Observation {
	checks := []func(context.Context, discovery.Device) health.Observation{
		p.present, p.onTheBus, p.driven, p.attributes,
	}
	for _, check := range checks {
		if o := check(ctx, device); o.Verdict != health.Good {
			return o
		}
	}
	return good()
}

// Free says whether nothing holds the device, as far as its description can tell.
func (p *Prober) Free(ctx context.Context, device discovery.Device) health.Observation {
	if p.rules.free == nil {
		return good()
	}
	return p.attribute(ctx, device.Dir, *p.rules.free)
}

func (p *Prober) present(_ context.Context, device discovery.Device) health.Observation {
	if !p.tree.Exists(path.Join(device.Dir, "vendor")) {
		return observe(health.Gone, DeviceRemoved, "the card is not on the PCI bus")
	}
	if p.rules.needsNodes && len(device.Nodes) == 0 {
		return observe(health.Gone, DeviceNodeMissing, "the driver has made no device node")
	}
	for _, node := range device.Nodes {
		if !p.tree.Exists(node[1:]) {
			return observe(health.Gone, DeviceNodeMissing, "%s does not exist", node)
		}
	}
	return good()
}

// onTheBus reads the vendor id from the card itself: a card that fell off the bus
// reads as all ones, while the kernel goes on telling its identity from memory.
func (p *Prober) onTheBus(ctx context.Context, device discovery.Device) health.Observation {
	config, err := p.tree.Head(ctx, path.Join(device.Dir, "config"), 2)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return good()
	case err != nil:
		return observe(health.Missing, NoData, "%v", err)
	case len(config) < 2:
		return observe(health.Missing, NoData, "the configuration space is empty")
	}
	if got := fmt.Sprintf("0x%04x", binary.LittleEndian.Uint16(config)); got != p.rules.vendor {
		return observe(health.Bad, OffTheBus, "the card answers as vendor %s instead of %s", got, p.rules.vendor)
	}
	return good()
}

func (p *Prober) driven(_ context.Context, device discovery.Device) health.Observation {
	if len(p.rules.drivers) == 0 {
		return good()
	}
	target, err := p.tree.Target(path.Join(device.Dir, "driver"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return observe(health.Bad, DriverMissing, "no driver is bound, want one of %v", p.rules.drivers)
	case err != nil:
		return observe(health.Missing, NoData, "%v", err)
	case !slices.Contains(p.rules.drivers, path.Base(target)):
		return observe(health.Bad, DriverMissing, "driver %s is bound, want one of %v", path.Base(target), p.rules.drivers)
	}
	return good()
}

func good() health.Observation {
	return health.Observation{Verdict: health.Good, Reason: health.Reason{Code: Answering, Message: "every check passed"}}
}

func observe(verdict health.Verdict, code, format string, args ...any) health.Observation {
	return health.Observation{Verdict: verdict, Reason: health.Reason{Code: code, Message: fmt.Sprintf(format, args...)}}
}
