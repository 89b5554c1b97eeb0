package fetchers

import (
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
// first level of Labels.Node under which no other UUID has the same name.
type identities struct {
	labels *Labels
	claims []map[string][]identity // by level: the names of each UUID
	names  map[string]identity     // of each UUID; filled by resolve
}

func newIdentities(labels *Labels) *identities {
	ids := &identities{labels: labels, claims: make([]map[string][]identity, len(labels.Node)), names: map[string]identity{}}
	for level := range ids.claims {
		ids.claims[level] = map[string][]identity{}
	}
	return ids
}

// claim records the names of a sample's UUID.
func (ids *identities) claim(labels Labeled) {
	uuid, device := ids.labels.uuid(labels), firstNonEmpty(labels, ids.labels.Device)
	if uuid == "" || device == "" {
		return
	}
	for level, names := range ids.labels.Node {
		id := identity{nodeOf(labels, names), device}
		if id.node != "" && !slices.Contains(ids.claims[level][uuid], id) {
			ids.claims[level][uuid] = append(ids.claims[level][uuid], id)
		}
	}
}

// resolve chooses a name for each UUID. One that devices of several names have identifies none.
func (ids *identities) resolve() {
	ambiguous := map[string]bool{}
	owners := make([]map[identity]int, len(ids.claims))
	for level, claims := range ids.claims {
		owners[level] = map[identity]int{}
		for uuid, names := range claims {
			slices.SortFunc(names, func(a, b identity) int { return strings.Compare(a.node, b.node) })
			for _, id := range names {
				owners[level][id]++
				ambiguous[uuid] = ambiguous[uuid] || id.device != names[0].device
			}
		}
	}
	for uuid := range ambiguous {
		if !ambiguous[uuid] {
			ids.names[uuid] = ids.name(uuid, owners)
		}
	}
}

// name returns the first name that no other UUID has, or the first.
func (ids *identities) name(uuid string, owners []map[identity]int) identity {
	var first identity
	for level, claims := range ids.claims {
		for _, id := range claims[uuid] {
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
