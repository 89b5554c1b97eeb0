package devices

import (
	"maps"
	"slices"
	"strings"
)

// Rights are the permissions of a user that affect a View.
type Rights struct {
	Nodes         bool            // may list nodes
	AllNamespaces bool            // may list the pods of all namespaces
	Namespaces    map[string]bool // whether the user may list the pods, by namespace
}

func (r Rights) canListPods(namespace string) bool { return r.AllNamespaces || r.Namespaces[namespace] }

// key is equal for equal views.
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
