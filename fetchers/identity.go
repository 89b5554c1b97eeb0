package fetchers

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// identity is a device's key.
type identity struct {
	node, device string
}

// identities maps samples to devices. Labels of nodes differ between scrapes of one
// exporter, and may be those of a gateway: a UUID takes precedence. It gets the name of the
// first level of Labels.Node under which no other UUID has the same name; that of the vendor's
// exporter takes precedence over the device plugin's.
type identities struct {
	vendor   *Vendor
	labels   *Labels
	exporter claims
	plugin   claims              // of Vendor.PluginLabel
	names    map[string]identity // of each UUID; filled by resolve
}

// claims are the names of each UUID, by level.
type claims []map[string][]identity

func newClaims(levels int) claims {
	c := make(claims, levels)
	for level := range c {
		c[level] = map[string][]identity{}
	}
	return c
}

func newIdentities(vendor *Vendor) *identities {
	levels := len(vendor.Labels.Node)
	return &identities{
		vendor: vendor, labels: &vendor.Labels, exporter: newClaims(levels), plugin: newClaims(levels), names: map[string]identity{},
	}
}

// claim records the names of a sample's UUID.
func (ids *identities) claim(labels Labeled) {
	claims := ids.exporter
	if ids.vendor.ofPlugin(labels) {
		claims = ids.plugin
	}
	uuid, device := ids.labels.uuid(labels), firstNonEmpty(labels, ids.labels.Device)
	if uuid == "" || device == "" {
		return
	}
	for level, names := range ids.labels.Node {
		id := identity{nodeOf(labels, names), device}
		if id.node != "" && !slices.Contains(claims[level][uuid], id) {
			claims[level][uuid] = append(claims[level][uuid], id)
		}
	}
}

// resolve chooses a name for each UUID. A UUID of several devices, of the exporter or of the plugin,
// identifies none.
func (ids *identities) resolve() {
	ambiguous := map[string]bool{}
	ids.plugin.resolve(ids.names, ambiguous)
	ids.exporter.resolve(ids.names, ambiguous)
	maps.DeleteFunc(ids.names, func(uuid string, _ identity) bool { return ambiguous[uuid] })
}

// resolve sets the name of each UUID, and whether it is ambiguous.
func (c claims) resolve(all map[string]identity, ambiguous map[string]bool) {
	owners := make([]map[identity]int, len(c))
	for level := range c {
		owners[level] = map[identity]int{}
		for uuid, names := range c[level] {
			slices.SortFunc(names, func(a, b identity) int { return strings.Compare(a.node, b.node) })
			for _, id := range names {
				owners[level][id]++
				ambiguous[uuid] = ambiguous[uuid] || id.device != names[0].device
			}
		}
	}
	for level := range c {
		for uuid := range c[level] {
			all[uuid] = c.name(uuid, owners)
		}
	}
}

// name returns the first name that no other UUID has, or the first.
func (c claims) name(uuid string, owners []map[identity]int) identity {
	var first identity
	for level := range c {
		for _, id := range c[level][uuid] {
			if owners[level][id] == 1 {
				return id
			}
			if first == (identity{}) {
				first = id
			}
		}
	}
	return first
}

// identify returns a sample's device, or why it has none.
func (ids *identities) identify(labels Labeled) (identity, DropReason) {
	id, ok := ids.names[ids.labels.uuid(labels)]
	if !ok {
		id = identity{nodeOf(labels, slices.Concat(ids.labels.Node...)), firstNonEmpty(labels, ids.labels.Device)}
	}
	switch {
	case id.node == "":
		return identity{}, NoNode
	case id.device == "":
		return identity{}, NoDevice
	case !isPrintable(id.node), !isPrintable(id.device), !isPrintable(firstNonEmpty(labels, ids.labels.Partition)):
		return identity{}, BadLabel
	}
	return id, ""
}

// UnknownUUID matches the values of a UUID label that identify nothing. A vGPU has zeros.
const UnknownUUID = `(?i:n/?a|unknown|none|null|[0-]+|gpu-[0-]{8,})`

var unknownUUID = regexp.MustCompile(`^` + UnknownUUID + `$`)

func (l *Labels) uuid(labels Labeled) string { return uuidOf(labels, l.UUID) }

func uuidOf(labels Labeled, names []string) string {
	uuid := firstNonEmpty(labels, names)
	if uuid == "" || !isPrintable(uuid) || unknownUUID.MatchString(uuid) {
		return ""
	}
	return uuid
}

// nodeOf returns the first label that names a node, without a port. A loopback name is used
// only if there is no other.
func nodeOf(labels Labeled, names []string) string {
	loopback := ""
	for _, name := range names {
		node := labels.Get(name)
		if strings.Contains(node, ":") { // a scrape target
			if host, _, err := net.SplitHostPort(node); err == nil {
				node = host
			}
		}
		switch {
		case node == "localhost" || node == "localhost.localdomain":
			loopback = node
		case node != "":
			return node
		}
	}
	return loopback
}

// exporterPod returns the exporter's own pod: the one that a scrape adds beside the holder
// that the exporter reports, if it does not honour labels.
func exporterPod(labels Labeled) string {
	if labels.Get("exported_pod") == "" {
		return ""
	}
	return labels.Get("pod")
}

// holder has no name if the sample has no pod, or the exporter's own.
func (v *Vendor) holder(labels Labeled) Pod {
	pod := Pod{
		Namespace: firstNonEmpty(labels, v.Labels.Namespace),
		Name:      firstNonEmpty(labels, v.Labels.Pod),
		Container: firstNonEmpty(labels, v.Labels.Container),
	}
	if pod.Name == "" || !isPrintable(pod.Name) || !isPrintable(pod.Namespace) || !isPrintable(pod.Container) {
		return Pod{}
	}
	if pod.Container == ExporterContainer || strings.HasSuffix(pod.Container, "-"+ExporterContainer) ||
		slices.ContainsFunc(v.Exporters, func(exporter string) bool { return strings.Contains(pod.Name, exporter) }) {
		return Pod{}
	}
	return pod
}

// ExporterContainer is the name, or the last part of the name, of exporters' containers.
const ExporterContainer = "exporter"

func firstNonEmpty(labels Labeled, names []string) string {
	for _, name := range names {
		if value := labels.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// isPrintable reports whether a label's value is short and has no control characters.
func isPrintable(value string) bool {
	if len(value) > maxText {
		return false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) })
		}
	}
	return true
}
