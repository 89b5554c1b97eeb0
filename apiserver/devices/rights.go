package devices

import (
	"maps"
	"slices"
	"strings"
)

// Rights are what a person may see.
type Rights struct {
	Nodes         bool            // may list nodes
	AllNamespaces bool            // may list the pods of all namespaces
	Namespaces    map[string]bool // may list the pods of these, of those that were asked for
}

func (r Rights) see(namespace string) bool { return r.AllNamespaces || r.Namespaces[namespace] }

// key is the same for persons who see the same.
func (r Rights) key() string {
	key := []string{"some"}
	if r.Nodes {
		key = append(key, "nodes")
	}
	if r.AllNamespaces {
		return strings.Join(append(key, "all"), " ")
	}
	for _, namespace := range slices.Sorted(maps.Keys(r.Namespaces)) {
		if r.Namespaces[namespace] {
			key = append(key, "/"+namespace)
		}
	}
	return strings.Join(key, " ")
}
