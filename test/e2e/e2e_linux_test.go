package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAModelIsServedOnARealNode(t *testing.T) {
	if testing.Short() {
		t.Skip("a node is not started with -short")
	}
	if lacks := missing(); lacks != "" {
		t.Skip("a node takes what this machine lacks: " + lacks)
	}
	n := newNode(t)
	n.awaitAllocatable(t, cards)
	for _, next := range []struct {
		name  string
		holds func(step)
	}{
		{"a server has its devices and answers", step.serves},
		{"a server that finds too few healthy devices says how many there are", step.tellsOfShortage},
		{"devices that recover are used", step.recovers},
		{"a kubelet's restart leaves servers and devices as they were", step.survivesRestart},
	} {
		if !t.Run(next.name, func(t *testing.T) { next.holds(step{t, n}) }) {
			return // The next step builds on this one.
		}
	}
}

// step is a part of the test, on the node as the steps before it left it.
type step struct {
	*testing.T
	*node
}

// deploy asks for devices, and leaves the rest to facts and policy as far as a machine
// without the platform's volumes and hundreds of gigabytes allows.
func deploy(name string, devices int) string {
	return fmt.Sprintf(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: %s, namespace: %s}
spec:
  accelerator: {type: x330, count: %d}
  modelCache: {kind: None}
  inferenceServer:
    image: %s
    command: [/server]
    resources: {requests: {cpu: 10m, memory: 16Mi}}
`, name, namespace, devices, serverImage)
}

func (s step) serves() {
	s.apply(s.T, deploy("first", 2))
	s.awaitReady(s.T, "first")
	pods := s.pods(s.T, "first")
	if len(pods) != 1 {
		s.Fatalf("%d pods, want 1", len(pods))
	}
	s.awaitEndpoint(s.T, "first", serverAddress(pods[0]))
	seen := s.look(s.T, pods[0])
	own := cardsOf(seen)
	if len(own) != 2 {
		s.Fatalf("the server's devices are %q, want two", seen.VisibleDevices)
	}
	want := view{
		Instance: seen.Instance, VisibleDevices: address(own[0]) + "," + address(own[1]),
		Devices:           []string{"/" + deviceNode(own[0]), "/" + deviceNode(own[1])},
		SharedMemoryBytes: s.sharedMemory(s.T, pods[0]),
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		s.Errorf("what the server sees (-want +got):\n%s", diff)
	}
}

// tellsOfShortage has three cards of nobody's fail: two say so themselves, one loses its
// device node.
func (s step) tellsOfShortage() {
	idle := s.idleCards(s.T)
	s.host.setStatus(s.T, idle[0], "1")
	s.host.setStatus(s.T, idle[1], "1")
	s.host.removeNode(s.T, idle[2])
	s.awaitAllocatable(s.T, cards-3)

	s.apply(s.T, deploy("second", 4))
	s.awaitShortage(s.T, "second",
		"4 sapeon.com/snx3 requested, 5 allocatable, 2 in use, 3 free on the best of 1 node")
	table := strings.Fields(s.kubectl(s.T, "get", "npudeploy", "second", "--no-headers"))
	if diff := cmp.Diff([]string{"second", "False", "NoFreeDevice", "x330", "4"}, table[:5]); diff != "" {
		s.Errorf("kubectl get npudeploy (-want +got):\n%s", diff)
	}
	s.awaitReady(s.T, "first") // It has its own devices, and they are well.
}

func (s step) recovers() {
	idle := s.idleCards(s.T)
	s.host.setStatus(s.T, idle[0], "0")
	s.host.setStatus(s.T, idle[1], "0")
	s.host.addNode(s.T, idle[2])
	s.awaitAllocatable(s.T, cards)
	s.awaitReady(s.T, "second")
}

func (s step) survivesRestart() {
	before := s.standing(s.T)
	asked, err := registrations(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	s.restartKubelet(s.T)
	s.await(s.T, devicePlugin, "another registration", func(ctx context.Context) error {
		count, err := registrations(ctx)
		if err == nil && count == asked {
			err = errors.New("registered " + asked + " times, as before")
		}
		return err
	})
	s.awaitAllocatable(s.T, cards)

	// Two devices are free. A kubelet that had forgotten who holds the others would hand
	// them out again, or none.
	s.kubectl(s.T, "scale", "npudeploy/first", "--replicas=2")
	s.awaitReady(s.T, "first")
	s.awaitReady(s.T, "second")
	after := s.standing(s.T)
	var used []int
	for _, server := range after {
		used = append(used, cardsOf(server.View)...)
	}
	slices.Sort(used)
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6, 7}, used); diff != "" {
		s.Errorf("the devices of all servers (-want +got):\n%s", diff)
	}
	for pod, server := range before {
		if diff := cmp.Diff(server, after[pod]); diff != "" {
			s.Errorf("the server of %s (-want +got):\n%s", pod, diff)
		}
	}
}
