package discovery

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

const (
	bus = "sys/bus/pci/devices"
	// identityTimeout bounds each read. The kernel serves all from memory but the UUID,
	// which the driver provides.
	identityTimeout = time.Second
)

// Scanner finds the devices of one description.
type Scanner struct {
	tree    *sysfs.Tree
	pci     description.PCI
	nodes   description.Nodes
	uuid    []string
	address *regexp.Regexp
}

// NewScanner returns a Scanner of a host's tree.
func NewScanner(tree *sysfs.Tree, d description.Description) *Scanner {
	return &Scanner{
		tree: tree, pci: d.PCI, nodes: d.Nodes, uuid: d.UUID,
		address: regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`),
	}
}

// Scan returns the devices on the bus. It fails only if the bus cannot be read or the
// context ended. Functions are read concurrently: those whose drivers hang take a second together.
func (s *Scanner) Scan(ctx context.Context) ([]Device, error) {
	names, err := s.tree.Names(bus)
	if err != nil {
		return nil, fmt.Errorf("listing the PCI bus: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !s.address.MatchString(name) || !s.selects(ctx, path.Join(bus, name))
	})
	found := make([][]Device, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { found[i] = s.partitions(ctx, s.inspect(ctx, name)) })
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("listing the PCI bus: %w", err)
	}
	devices := slices.Concat(found...)
	slices.SortFunc(devices, func(a, b Device) int { return strings.Compare(a.ID, b.ID) })
	return devices, nil
}

// Find returns one device as it is now. It is false if no function on the bus has it.
func (s *Scanner) Find(ctx context.Context, id string) (Device, bool) {
	address, _, _ := strings.Cut(id, "-")
	if !s.address.MatchString(address) || !s.selects(ctx, path.Join(bus, address)) {
		return Device{}, false
	}
	devices := s.partitions(ctx, s.inspect(ctx, address))
	at := slices.IndexFunc(devices, func(d Device) bool { return d.ID == id })
	if at < 0 {
		return Device{}, false
	}
	return devices[at], true
}

// Candidate is a function of the description's vendor, with the field that excludes it.
type Candidate struct {
	Address  string
	Physical string // of a virtual function: see Device
	Excluded string // empty for a selected function
}

// Candidates returns all functions of the description's vendor, sorted by address.
func (s *Scanner) Candidates(ctx context.Context) ([]Candidate, error) {
	names, err := s.tree.Names(bus)
	if err != nil {
		return nil, fmt.Errorf("listing the PCI bus: %w", err)
	}
	var candidates []Candidate
	for _, name := range names {
		dir := path.Join(bus, name)
		if excluded := s.excluded(ctx, dir); s.address.MatchString(name) && excluded != "pci.vendor" {
			candidates = append(candidates, Candidate{Address: name, Physical: s.link(dir, "physfn"), Excluded: excluded})
		}
	}
	return candidates, nil
}

func (s *Scanner) selects(ctx context.Context, dir string) bool {
	return s.excluded(ctx, dir) == ""
}

// excluded returns the field of the description that excludes a function, or empty. The vendor
// comes first: it rejects nearly every function with one read.
func (s *Scanner) excluded(ctx context.Context, dir string) string {
	if s.identity(ctx, dir, "vendor") != s.pci.Vendor {
		return "pci.vendor"
	}
	if len(s.pci.Devices) > 0 && !slices.Contains(s.pci.Devices, s.identity(ctx, dir, "device")) {
		return "pci.devices"
	}
	if !s.selectsFunction(ctx, dir) {
		return "pci.functions"
	}
	class := s.identity(ctx, dir, "class")
	if len(s.pci.Classes) > 0 && !slices.ContainsFunc(s.pci.Classes, func(prefix string) bool { return strings.HasPrefix(class, prefix) }) {
		return "pci.classes"
	}
	return ""
}

// selectsFunction reports whether the description selects this physical or virtual function.
func (s *Scanner) selectsFunction(ctx context.Context, dir string) bool {
	virtual := s.tree.Exists(path.Join(dir, "physfn"))
	switch s.pci.Functions {
	case description.FunctionsPhysical:
		return !virtual
	case description.FunctionsVirtual:
		return virtual
	case description.FunctionsUnshared:
		enabled := s.identity(ctx, dir, "sriov_numvfs")
		return !virtual && (enabled == "" || enabled == "0")
	case description.FunctionsAll:
	}
	return true
}

// partitions returns the devices of a function: its partitions, or itself without any.
func (s *Scanner) partitions(ctx context.Context, function Device) []Device {
	nodes := s.sysfsNodes(ctx, function.Dir, s.nodes.Partitions)
	if len(nodes) == 0 {
		return []Device{function}
	}
	devices := make([]Device, len(nodes))
	for i, node := range nodes {
		devices[i] = function
		devices[i].ID = fmt.Sprintf("%s-%d", function.ID, i)
		devices[i].Nodes = slices.Sorted(slices.Values(append(slices.Clone(function.Nodes), node)))
	}
	return devices
}

func (s *Scanner) inspect(ctx context.Context, address string) Device {
	dir, root := s.place(address)
	return Device{
		ID:       address,
		Dir:      dir,
		Physical: s.link(dir, "physfn"),
		Driver:   s.link(dir, "driver"),
		UUID:     s.readUUID(ctx, dir),
		NUMANode: numaNode(s.identity(ctx, dir, "numa_node")),
		Root:     root,
		Nodes:    s.findNodes(ctx, dir, address),
	}
}

// link returns the last element of what a link in a function's directory points to, or empty.
func (s *Scanner) link(dir, name string) string {
	target, err := s.tree.Target(path.Join(dir, name))
	if base := path.Base(target); err == nil && printable(base) {
		return base
	}
	return ""
}

func (s *Scanner) readUUID(ctx context.Context, dir string) string {
	for _, pattern := range s.uuid {
		for _, file := range s.tree.Match(dir, pattern) {
			if uuid := s.identity(ctx, "", file); printable(uuid) {
				return uuid
			}
		}
	}
	return ""
}

// identity reads a file that identifies a device; it is empty if unreadable.
func (s *Scanner) identity(ctx context.Context, dir, name string) string {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	value, err := s.tree.Attribute(ctx, path.Join(dir, name))
	if err != nil {
		return ""
	}
	return value
}

// printable reports whether a text fits in a label and an environment variable.
func printable(text string) bool {
	if text == "" || len(text) > 128 {
		return false
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}
