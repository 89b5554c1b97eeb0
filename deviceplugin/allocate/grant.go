package allocate

import (
	"slices"
	"strings"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
)

// Grant is the result of an allocation for one container.
type Grant struct {
	Environment map[string]string
	Edits
	// CDI holds fully qualified CDI device names. If there are any, the edits are
	// empty: the runtime reads them from the CDI specification.
	CDI []string
}

// Edits are paths of the host that are visible in a container.
type Edits struct {
	Nodes  []Path // device nodes, read-write
	Mounts []Mount
}

// Path maps a path in the container to one on the host.
type Path struct {
	Container, Host string
}

// Mount is a file or directory of the host.
type Mount struct {
	Path
	ReadOnly bool
}

// Granter turns devices into grants.
type Granter struct {
	// Resource is the devices' resource name, and the kind of their CDI devices.
	Resource  string
	Container description.Container
	// Shared lists the nodes that every container gets.
	Shared func() []string
	// Target returns the node that a link leads to, for a CDI specification: a runtime follows the link of a
	// device, but not one in such a specification (containerd 2.4.2 with CDI 1.1.1).
	Target func(node string) string
	// HostPrefix precedes every host path. It is empty unless the plugin reads a
	// directory instead of the whole host.
	HostPrefix string
	// CDI is true if the runtime reads the CDI specification.
	CDI bool
}

// Grant returns the edits of a container with these devices, in any order. A device
// without nodes has no CDI name, because CDI has no devices without edits.
func (g Granter) Grant(devices []discovery.Device) Grant {
	sorted := slices.SortedFunc(slices.Values(devices), func(a, b discovery.Device) int {
		return strings.Compare(a.ID, b.ID)
	})
	grant := Grant{Environment: g.environment(sorted)}
	for _, device := range sorted {
		if g.CDI && len(device.Nodes) > 0 {
			grant.CDI = append(grant.CDI, g.Resource+"="+device.ID)
		} else {
			grant.Nodes = append(grant.Nodes, g.Own(device).Nodes...)
		}
	}
	if len(grant.CDI) == 0 {
		common := g.Common()
		grant.Nodes = append(grant.Nodes, common.Nodes...)
		grant.Mounts = common.Mounts
	}
	return grant
}

// Own returns the edits of one device.
func (g Granter) Own(device discovery.Device) Edits {
	return Edits{Nodes: g.nodes(device.Nodes)}
}

// Common returns the edits that every container gets once.
func (g Granter) Common() Edits {
	edits := Edits{Nodes: g.nodes(g.Shared())}
	for _, m := range g.Container.Mounts {
		path := Path{Container: m.ContainerPath, Host: g.HostPrefix + m.HostPath}
		edits.Mounts = append(edits.Mounts, Mount{Path: path, ReadOnly: m.ReadOnly == nil || *m.ReadOnly})
	}
	return edits
}

func (g Granter) nodes(names []string) []Path {
	paths := make([]Path, len(names))
	for i, name := range names {
		paths[i] = Path{Container: name, Host: g.HostPrefix + name}
	}
	return paths
}

func (g Granter) environment(devices []discovery.Device) map[string]string {
	if g.Container.Environment == "" {
		return nil
	}
	values := make([]string, len(devices))
	for i, device := range devices {
		values[i] = device.ID
		if g.Container.EnvironmentValue == description.EnvironmentIndex {
			values[i] = index(device)
		}
	}
	return map[string]string{g.Container.Environment: strings.Join(values, ",")}
}

// index returns the number at the end of the device's first node with one, or the device's ID.
func index(device discovery.Device) string {
	for _, node := range device.Nodes {
		if number := node[len(strings.TrimRight(node, "0123456789")):]; number != "" {
			return number
		}
	}
	return device.ID
}
