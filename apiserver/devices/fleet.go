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

// Sources are what a Inventory is made of.
type Sources struct {
	Catalogue        *render.Catalogue
	Nodes            []corev1.Node
	Pods             []corev1.Pod
	Projects         []v1.Project
	Metrics          *fetchers.Snapshot // nil: there is no Prometheus
	UnreachableSince time.Time
}

// Inventory is all accelerators at one time.
type Inventory struct {
	Sources

	nodes    map[string]*node
	unplaced []Device
	waiting  map[typeInNamespace]int64
	held     map[typeInNamespace]int64
	holders  map[Pod]Pod // by namespace and name, with the NpuDeploy

	mu      sync.Mutex
	answers map[string][]byte // as JSON, by Rights.key
}

// typeInNamespace is a type of accelerator in a namespace.
type typeInNamespace struct{ kind, namespace string }

// node is a node with accelerators.
type node struct {
	ready, schedulable bool
	counts             map[string]*NodeCount
	holders            []Holder
	devices            []Device
}

// NewInventory counts. It keeps what it is given: nobody may change it.
func NewInventory(sources Sources) *Inventory {
	f := &Inventory{
		Sources: sources, nodes: map[string]*node{},
		waiting: map[typeInNamespace]int64{}, held: map[typeInNamespace]int64{}, holders: map[Pod]Pod{}, answers: map[string][]byte{},
	}
	for i := range sources.Nodes {
		f.addNode(&sources.Nodes[i])
	}
	for i := range sources.Pods {
		f.addPod(&sources.Pods[i])
	}
	for _, n := range f.nodes {
		n.finish()
	}
	if sources.Metrics != nil {
		for status := range sources.Metrics.All() {
			f.addDevice(status)
		}
	}
	return f
}

func (f *Inventory) addNode(object *corev1.Node) {
	n := &node{ready: ready(object), schedulable: !object.Spec.Unschedulable, counts: map[string]*NodeCount{}}
	for i := range f.Catalogue.Accelerators {
		kind := &f.Catalogue.Accelerators[i]
		count := NodeCount{Type: kind.Name}
		for _, resource := range names(kind) {
			total, allocatable := object.Status.Capacity[resource], object.Status.Allocatable[resource]
			count.Total += total.Value()
			count.Allocatable += allocatable.Value()
		}
		if count.Total > 0 || count.Allocatable > 0 {
			n.counts[kind.Name] = &count
		}
	}
	f.nodes[object.Name] = n
}

// names are all that a type's devices go by in Kubernetes.
func names(kind *render.Accelerator) []corev1.ResourceName {
	resources := make([]corev1.ResourceName, 0, 1+len(kind.Aliases))
	for _, name := range append([]string{kind.Resource}, kind.Aliases...) {
		resources = append(resources, corev1.ResourceName(name))
	}
	return resources
}

func ready(object *corev1.Node) bool {
	return slices.ContainsFunc(object.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func (f *Inventory) addPod(object *corev1.Pod) {
	if status.HasEnded(object) {
		return
	}
	pod := Pod{Namespace: object.Namespace, Name: object.Name, NpuDeploy: object.Labels[v1.LabelDeploy]}
	for i := range f.Catalogue.Accelerators {
		kind := &f.Catalogue.Accelerators[i]
		var count int64
		for _, resource := range names(kind) {
			count += status.Requested(object, resource)
		}
		if count > 0 {
			f.hold(pod, object.Spec.NodeName, kind.Name, count)
		}
	}
}

// hold gives devices to a pod, on a node or still without.
func (f *Inventory) hold(pod Pod, on, kind string, count int64) {
	f.holders[Pod{Namespace: pod.Namespace, Name: pod.Name}] = pod
	at := typeInNamespace{kind, pod.Namespace}
	if on == "" {
		f.waiting[at] += count
		return
	}
	f.held[at] += count
	n := f.nodes[on]
	if n == nil {
		return // gone, and the pod soon
	}
	if n.counts[kind] == nil { // its device plugin is gone
		n.counts[kind] = &NodeCount{Type: kind}
	}
	n.counts[kind].Allocated += count
	n.holders = append(n.holders, Holder{Pod: pod, Type: kind, Count: count})
}

// finish computes what follows from the counts.
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

// Namespaces are those that hold devices, wait for some or are a Project's.
func (f *Inventory) Namespaces() []string {
	all := make([]string, 0, len(f.Projects)+len(f.held)+len(f.waiting))
	for i := range f.Projects {
		all = append(all, f.Projects[i].Name)
	}
	for at := range f.held {
		all = append(all, at.namespace)
	}
	for at := range f.waiting {
		all = append(all, at.namespace)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
