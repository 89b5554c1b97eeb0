package devices

import (
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Sources are the inputs of an Inventory.
type Sources struct {
	Catalogue        *render.Catalogue
	Nodes            []corev1.Node
	Pods             []corev1.Pod
	Projects         []v1.Project
	Metrics          *fetchers.Snapshot // nil without Prometheus
	UnreachableSince time.Time
}

// Inventory holds all accelerators at one time.
type Inventory struct {
	Sources

	resources [][]corev1.ResourceName // of each accelerator of the catalogue
	nodes     map[string]*node
	unplaced  []Device
	waiting   map[typeInNamespace]int64
	allocated map[typeInNamespace]int64
	holders   map[Pod]Pod // by namespace and name, with the NpuDeploy

	mu    sync.Mutex
	views map[string][]byte // JSON by Rights.key
}

type typeInNamespace struct{ kind, namespace string }

// node is a node with accelerators.
type node struct {
	ready, schedulable bool
	counts             map[string]*NodeCount
	holders            []Holder
	devices            []Device
}

// newInventory counts devices. It retains sources, which must not be modified.
func newInventory(sources Sources) *Inventory {
	inv := &Inventory{
		Sources: sources, nodes: map[string]*node{},
		waiting: map[typeInNamespace]int64{}, allocated: map[typeInNamespace]int64{}, holders: map[Pod]Pod{}, views: map[string][]byte{},
	}
	for i := range sources.Catalogue.Accelerators {
		inv.resources = append(inv.resources, resourceNames(&sources.Catalogue.Accelerators[i]))
	}
	for i := range sources.Nodes {
		inv.addNode(&sources.Nodes[i])
	}
	for i := range sources.Pods {
		inv.addPod(&sources.Pods[i])
	}
	for _, n := range inv.nodes {
		n.finish()
	}
	if sources.Metrics != nil {
		families := map[string]bool{}
		for _, vendor := range sources.Metrics.Vendors() {
			families[vendor.Type] = true
		}
		for status := range sources.Metrics.All() {
			inv.addDevice(status, families)
		}
	}
	return inv
}

func (inv *Inventory) addNode(object *corev1.Node) {
	n := &node{ready: status.ReadinessOf(object).Ready, schedulable: !object.Spec.Unschedulable, counts: map[string]*NodeCount{}}
	for i := range inv.Catalogue.Accelerators {
		count := NodeCount{Type: inv.Catalogue.Accelerators[i].Name}
		for _, resource := range inv.resources[i] {
			total, allocatable := object.Status.Capacity[resource], object.Status.Allocatable[resource]
			count.Total += total.Value()
			count.Allocatable += allocatable.Value()
		}
		if count.Total > 0 || count.Allocatable > 0 {
			n.counts[count.Type] = &count
		}
	}
	inv.nodes[object.Name] = n
}

// resourceNames returns the extended resources of a type.
func resourceNames(kind *render.Accelerator) []corev1.ResourceName {
	resources := make([]corev1.ResourceName, 0, 1+len(kind.Aliases))
	own := []string{kind.Resource}
	if kind.VariantOf != "" {
		own = nil // counted once, as devices of the accelerator that the resource alone means
	}
	for _, name := range append(own, kind.Aliases...) {
		resources = append(resources, corev1.ResourceName(name))
	}
	return resources
}

func (inv *Inventory) addPod(object *corev1.Pod) {
	if status.HasEnded(object) {
		return
	}
	pod := Pod{Namespace: object.Namespace, Name: object.Name, NpuDeploy: object.Labels[v1.LabelDeploy]}
	for i, resources := range inv.resources {
		var count int64
		for _, resource := range resources {
			count += status.Requested(object, resource)
		}
		if count > 0 {
			inv.allocate(pod, object.Spec.NodeName, inv.Catalogue.Accelerators[i].Name, count)
		}
	}
}

// allocate counts devices for a pod, on its node or as waiting.
func (inv *Inventory) allocate(pod Pod, on, kind string, count int64) {
	inv.holders[Pod{Namespace: pod.Namespace, Name: pod.Name}] = pod
	key := typeInNamespace{kind, pod.Namespace}
	if on == "" {
		inv.waiting[key] += count
		return
	}
	inv.allocated[key] += count
	n := inv.nodes[on]
	if n == nil {
		return // deleted; the pod will follow
	}
	if n.counts[kind] == nil { // its device plugin has been removed
		n.counts[kind] = &NodeCount{Type: kind}
	}
	n.counts[kind].Allocated += count
	n.holders = append(n.holders, Holder{Pod: pod, Type: kind, Count: count})
}

// finish computes the free devices and sorts the holders.
func (n *node) finish() {
	for _, count := range n.counts {
		if n.ready && n.schedulable {
			count.Free = max(0, count.Allocatable-count.Allocated)
		}
	}
	slices.SortFunc(n.holders, func(a, b Holder) int {
		return strings.Compare(a.Pod.Namespace+"/"+a.Pod.Name+"/"+a.Type, b.Pod.Namespace+"/"+b.Pod.Name+"/"+b.Type)
	})
}

// Namespaces returns the namespaces that hold devices, wait for some or belong to a Project.
func (inv *Inventory) Namespaces() []string {
	all := make([]string, 0, len(inv.Projects)+len(inv.allocated)+len(inv.waiting))
	for i := range inv.Projects {
		all = append(all, inv.Projects[i].Name)
	}
	for key := range inv.allocated {
		all = append(all, key.namespace)
	}
	for key := range inv.waiting {
		all = append(all, key.namespace)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
