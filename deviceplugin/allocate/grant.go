package allocate

import (
	"slices"
	"strings"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
)

// Grant is what a container gets with its devices.
type Grant struct {
	Environment map[string]string
	Edits
	// CDI holds fully qualified CDI device names. Where there are any, the edits are
	// empty: the runtime takes them from the CDI specification.
	CDI []string
}

// Edits are paths of the host that a container sees.
type Edits struct {
	Nodes  []Path // device nodes, to read and write
	Mounts []Path // files and directories, to read
}

// Path is a path in the container and the one on the host that it stands for.
type Path struct {
	Container, Host string
}

// Granter turns devices into grants.
type Granter struct {
	// Resource is the devices' resource name, and the kind of their CDI devices.
	Resource  string
	Container description.Container
	// Shared lists the nodes that every container gets.
	Shared func() []string
	// HostPrefix goes before every host path: empty but where the plugin looks at a
	// folder instead of the whole host.
	HostPrefix string
	// CDI says that the runtime reads the CDI specification.
	CDI bool
}

// Grant says what a container with these devices gets, whatever their order. A device
// without nodes has no CDI name, because CDI knows no device without edits.
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

// Own is what comes with one device.
func (g Granter) Own(device discovery.Device) Edits {
	return Edits{Nodes: g.nodes(device.Nodes)}
}

// Common is what comes with any device, once.
func (g Granter) Common() Edits {
	edits := Edits{Nodes: g.nodes(g.Shared())}
	for _, m := range g.Container.Mounts {
		edits.Mounts = append(edits.Mounts, Path{Container: m.ContainerPath, Host: g.HostPrefix + m.HostPath})
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
	ids := make([]string, len(devices))
	for i, device := range devices {
		ids[i] = device.ID
	}
	return map[string]string{g.Container.Environment: strings.Join(ids, ",")}
}
