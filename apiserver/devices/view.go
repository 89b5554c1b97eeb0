package devices

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dudaji/nufi/fetchers"
)

// maxViews bounds the cached views of an Inventory: a megabyte each in a large cluster.
const maxViews = 50

// MarshalView returns the View as JSON. It is cached for users with equal rights.
func (inv *Inventory) MarshalView(rights Rights) ([]byte, error) {
	key := rights.key()
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if cached, ok := inv.views[key]; ok {
		return cached, nil
	}
	text, err := json.Marshal(inv.View(rights))
	if err == nil && len(inv.views) < maxViews {
		inv.views[key] = text
	}
	return text, err
}

// View returns what a user with the rights may see. It shares memory with the Inventory and
// must not be modified.
func (inv *Inventory) View(rights Rights) View {
	view := View{
		Types: inv.types(), Nodes: []Node{}, Projects: inv.projects(rights),
		Metrics: inv.metrics(rights), UnreachableSince: inv.UnreachableSince,
	}
	for _, name := range slices.Sorted(maps.Keys(inv.nodes)) {
		if n := inv.nodes[name]; len(n.counts) > 0 || len(n.devices) > 0 {
			view.Nodes = append(view.Nodes, n.view(name, rights))
		}
	}
	if rights.Nodes {
		for _, device := range inv.unplaced {
			view.Unplaced = append(view.Unplaced, device.view(rights))
		}
	}
	return view
}

func (inv *Inventory) types() []Type {
	types := make([]Type, len(inv.Catalogue.Accelerators))
	for i := range types {
		sum := &types[i]
		sum.Type = inv.Catalogue.Accelerators[i].Name
		for _, n := range inv.nodes {
			if count := n.counts[sum.Type]; count != nil {
				sum.Total += count.Total
				sum.Allocatable += count.Allocatable
				sum.Allocated += count.Allocated
				sum.Free += count.Free
				sum.LargestFree = max(sum.LargestFree, count.Free)
			}
		}
		for key, count := range inv.waiting {
			if key.kind == sum.Type {
				sum.Waiting += count
			}
		}
	}
	return types
}

// view omits the name of the node for users who may list neither nodes nor a pod on it.
func (n *node) view(name string, rights Rights) Node {
	visible := Node{Ready: n.ready, Schedulable: n.schedulable, Types: []NodeCount{}, Holders: []Holder{}}
	for _, kind := range slices.Sorted(maps.Keys(n.counts)) {
		visible.Types = append(visible.Types, *n.counts[kind])
	}
	for _, holder := range n.holders {
		if rights.canListPods(holder.Pod.Namespace) {
			visible.Holders = append(visible.Holders, holder)
		}
	}
	if rights.Nodes || len(visible.Holders) > 0 {
		visible.Name = name
	}
	for _, device := range n.devices {
		if rights.Nodes || visible.Name != "" && device.Pod != nil && rights.canListPods(device.Pod.Namespace) {
			visible.Devices = append(visible.Devices, device.view(rights))
		}
	}
	return visible
}

// view omits a pod that the user may not list.
func (d Device) view(rights Rights) Device {
	if d.Pod != nil && !rights.canListPods(d.Pod.Namespace) {
		d.Pod = nil
	}
	return d
}

func (inv *Inventory) projects(rights Rights) []Project {
	quotas := map[typeInNamespace]int64{}
	for i := range inv.Projects {
		if quota := inv.Projects[i].Spec.Quota; quota != nil {
			for _, bound := range quota.Accelerators {
				quotas[typeInNamespace{bound.Type, inv.Projects[i].Name}] = int64(bound.Count)
			}
		}
	}
	projects := []Project{}
	for _, namespace := range inv.Namespaces() {
		if !rights.canListPods(namespace) {
			continue
		}
		project := Project{Namespace: namespace, Types: []ProjectCount{}}
		for i := range inv.Catalogue.Accelerators {
			key := typeInNamespace{inv.Catalogue.Accelerators[i].Name, namespace}
			count := ProjectCount{Type: key.kind, Held: inv.allocated[key], Waiting: inv.waiting[key]}
			if quota, bounded := quotas[key]; bounded {
				count.Quota = &quota
			}
			if count.Quota != nil || count.Held > 0 || count.Waiting > 0 {
				project.Types = append(project.Types, count)
			}
		}
		projects = append(projects, project)
	}
	return projects
}

// These replace texts of errors and warnings, which may name hosts, for users who may not list nodes.
const (
	cannotRead = "the metrics cannot be read"
	incomplete = "the metrics may be incomplete"
)

func (inv *Inventory) metrics(rights Rights) Metrics {
	metrics := Metrics{State: MetricsNone, Vendors: []Vendor{}}
	if inv.Metrics == nil {
		return metrics
	}
	metrics.State = MetricsAwaited
	for _, state := range inv.Metrics.Vendors() {
		metrics.State = MetricsRead
		metrics.Vendors = append(metrics.Vendors, Vendor{
			Family: state.Type, Devices: state.Devices, Fetched: state.Fetched, Problem: problemOf(state, rights),
		})
	}
	return metrics
}

// problemOf returns the error of the last read, or Prometheus's warnings: Thanos has some if a part of its stores did not
// respond.
func problemOf(state fetchers.VendorState, rights Rights) string {
	switch warnings := state.Diagnostics.Warnings; {
	case state.Err != nil && rights.Nodes:
		return state.Err.Error()
	case state.Err != nil:
		return cannotRead
	case len(warnings) > 0 && rights.Nodes:
		return "Prometheus warns: " + strings.Join(warnings, "; ")
	case len(warnings) > 0:
		return incomplete
	}
	return ""
}
