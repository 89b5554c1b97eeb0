package devices

import (
	"encoding/json"
	"maps"
	"slices"
)

// maxAnswers is how many are kept of one Inventory: a megabyte each in a large cluster.
const maxAnswers = 50

// JSON is the View for whoever has the rights. Persons who see the same share it.
func (f *Inventory) MarshalView(rights Rights) ([]byte, error) {
	key := rights.key()
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, found := f.answers[key]; found {
		return known, nil
	}
	text, err := json.Marshal(f.View(rights))
	if err == nil && len(f.answers) < maxAnswers {
		f.answers[key] = text
	}
	return text, err
}

// View is what whoever has the rights may see of the Inventory. It shares with the Inventory:
// nobody may change it.
func (f *Inventory) View(rights Rights) View {
	answer := View{
		Types: f.types(), Nodes: []Node{}, Projects: f.projects(rights),
		Metrics: f.metrics(rights), UnreachableSince: f.UnreachableSince,
	}
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		if n := f.nodes[name]; len(n.counts) > 0 || len(n.devices) > 0 {
			answer.Nodes = append(answer.Nodes, n.view(name, rights))
		}
	}
	if rights.Nodes {
		for _, device := range f.unplaced {
			answer.Unplaced = append(answer.Unplaced, device.view(rights))
		}
	}
	return answer
}

func (f *Inventory) types() []Type {
	types := make([]Type, len(f.Catalogue.Accelerators))
	for i := range types {
		sum := &types[i]
		sum.Type = f.Catalogue.Accelerators[i].Name
		for _, n := range f.nodes {
			if count := n.counts[sum.Type]; count != nil {
				sum.Total += count.Total
				sum.Allocatable += count.Allocatable
				sum.Allocated += count.Allocated
				sum.Free += count.Free
				sum.LargestFree = max(sum.LargestFree, count.Free)
			}
		}
		for at, count := range f.waiting {
			if at.kind == sum.Type {
				sum.Waiting += count
			}
		}
	}
	return types
}

// view leaves a node nameless for who may neither list nodes nor a pod on it.
func (n *node) view(name string, rights Rights) Node {
	seen := Node{Ready: n.ready, Schedulable: n.schedulable, Types: []NodeCount{}, Holders: []Holder{}}
	for _, kind := range slices.Sorted(maps.Keys(n.counts)) {
		seen.Types = append(seen.Types, *n.counts[kind])
	}
	for _, holder := range n.holders {
		if rights.see(holder.Pod.Namespace) {
			seen.Holders = append(seen.Holders, holder)
		}
	}
	if rights.Nodes || len(seen.Holders) > 0 {
		seen.Name = name
	}
	for _, device := range n.devices {
		if rights.Nodes || seen.Name != "" && device.Pod != nil && rights.see(device.Pod.Namespace) {
			seen.Devices = append(seen.Devices, device.view(rights))
		}
	}
	return seen
}

// view leaves out a pod that the person may not list.
func (d Device) view(rights Rights) Device {
	if d.Pod != nil && !rights.see(d.Pod.Namespace) {
		d.Pod = nil
	}
	return d
}

func (f *Inventory) projects(rights Rights) []Project {
	quotas := map[typeInNamespace]int64{}
	for i := range f.Projects {
		if quota := f.Projects[i].Spec.Quota; quota != nil {
			for _, bound := range quota.Accelerators {
				quotas[typeInNamespace{bound.Type, f.Projects[i].Name}] = int64(bound.Count)
			}
		}
	}
	projects := []Project{}
	for _, namespace := range f.Namespaces() {
		if !rights.see(namespace) {
			continue
		}
		project := Project{Namespace: namespace, Types: []ProjectCount{}}
		for i := range f.Catalogue.Accelerators {
			at := typeInNamespace{f.Catalogue.Accelerators[i].Name, namespace}
			count := ProjectCount{Type: at.kind, Held: f.held[at], Waiting: f.waiting[at]}
			if quota, bounded := quotas[at]; bounded {
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

// cannotRead is all that is said of a fault to who has nothing to do with nodes: the text
// may name hosts.
const cannotRead = "the metrics cannot be read"

func (f *Inventory) metrics(rights Rights) Metrics {
	metrics := Metrics{State: MetricsNone, Vendors: []Vendor{}}
	if f.Metrics == nil {
		return metrics
	}
	metrics.State = MetricsAwaited
	for _, state := range f.Metrics.Vendors() {
		metrics.State = MetricsRead
		vendor := Vendor{Family: state.Type, Devices: state.Devices, Fetched: state.Fetched}
		switch {
		case state.Err != nil && rights.Nodes:
			vendor.Problem = state.Err.Error()
		case state.Err != nil:
			vendor.Problem = cannotRead
		}
		metrics.Vendors = append(metrics.Vendors, vendor)
	}
	return metrics
}
