package rollout

import (
	"fmt"
	"maps"
)

// Devices are the devices of an NpuDeploy's pods, all of one resource.
type Devices struct {
	Resource string
	// PerPod is the number that a pod requests with the rollout's set, or with its own set if the NpuDeploy does not
	// serve.
	PerPod int64
	// Surge is how many pods start before others are deleted.
	Surge int
	// Held are the devices of its current pods.
	Held []Held
	// Waiting is how many of its pods have no node.
	Waiting int
	// NodeSelector are the labels of nodes that its pods may use.
	NodeSelector map[string]string
}

// Held are the devices of a pod.
type Held struct {
	Node  string
	Count int64
}

// Node is a node that is ready.
type Node struct {
	Name   string
	Labels map[string]string
	Free   map[string]int64 // devices that no pod has, by resource
}

// placement simulates which pods nodes have devices for.
type placement struct {
	nodes  []Node
	byName map[string]int
	// waiting are NpuDeploys with pods that no node has devices for: they get devices that others release.
	waiting []*member
}

func newPlacement(nodes []Node, members []*member) *placement {
	p := &placement{byName: map[string]int{}}
	for i, node := range nodes {
		p.nodes = append(p.nodes, Node{node.Name, node.Labels, maps.Clone(node.Free)})
		p.byName[node.Name] = i
	}
	for _, m := range members {
		switch {
		case m.Devices == nil:
		case m.state == updating && m.Applied != m.assigned().Templates && m.Devices.Waiting == 0:
			_ = p.lacks(m) // Its pods will be replaced: this takes what they need.
		default:
			p.wait(m)
		}
	}
	return p
}

// wait takes devices for the pods of an NpuDeploy that wait for a node.
func (p *placement) wait(m *member) {
	for range m.Devices.Waiting {
		if !p.place(m.Devices, p.take(m.Devices)) {
			p.waiting = append(p.waiting, m)
			return
		}
	}
}

// take returns a function that takes devices of a node.
func (p *placement) take(d *Devices) func(node int, count int64) {
	return func(node int, count int64) { p.nodes[node].Free[d.Resource] -= count }
}

// lacks describes why the new pods of an NpuDeploy would not get devices, or returns "". If they would, it takes what they
// need beyond what the old pods release.
func (p *placement) lacks(m *member) string {
	d := m.Devices
	if d == nil {
		return ""
	}
	if other := p.competitor(d); other != nil {
		return fmt.Sprintf("%s/%s: its devices %s would go to pods of %s/%s, which wait for them", m.Namespace, m.Name, d.Resource, other.Namespace, other.Name)
	}
	var taken []func()
	take := func(node int, count int64) {
		p.take(d)(node, count)
		taken = append(taken, func() { p.take(d)(node, -count) })
	}
	isPlaced := true
	for range d.Surge {
		isPlaced = isPlaced && p.place(d, take)
	}
	if d.Surge == 0 {
		for _, held := range d.Held {
			isPlaced = isPlaced && p.replace(d, held, take)
		}
	}
	if isPlaced {
		return ""
	}
	for _, undo := range taken {
		undo()
	}
	return fmt.Sprintf("%s/%s: no node has %d devices %s for a new pod", m.Namespace, m.Name, d.PerPod, d.Resource)
}

// replace places the pod that replaces another one, which releases its devices.
func (p *placement) replace(d *Devices, held Held, take func(int, int64)) bool {
	own, isReady := p.byName[held.Node]
	if isReady {
		take(own, -held.Count)
		if p.nodes[own].Free[d.Resource] >= d.PerPod && p.nodes[own].isSelected(d) {
			take(own, d.PerPod)
			return true
		}
	}
	return p.place(d, take)
}

// place places a new pod, or returns false if no node has the devices.
func (p *placement) place(d *Devices, take func(int, int64)) bool {
	for i := range p.nodes {
		if p.nodes[i].Free[d.Resource] >= d.PerPod && p.nodes[i].isSelected(d) {
			take(i, d.PerPod)
			return true
		}
	}
	return false
}

// competitor returns an NpuDeploy with a waiting pod that fits a node once a pod of d is deleted.
func (p *placement) competitor(d *Devices) *member {
	for _, m := range p.waiting {
		if m.Devices.Resource != d.Resource || d.Surge > 0 {
			continue
		}
		for _, held := range d.Held {
			i, isReady := p.byName[held.Node]
			if isReady && p.nodes[i].Free[d.Resource]+held.Count >= m.Devices.PerPod && p.nodes[i].isSelected(m.Devices) {
				return m
			}
		}
	}
	return nil
}

func (n *Node) isSelected(d *Devices) bool {
	for label, value := range d.NodeSelector {
		if n.Labels[label] != value {
			return false
		}
	}
	return true
}
