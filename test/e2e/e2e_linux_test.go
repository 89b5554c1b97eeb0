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
	for _, step := range []struct {
		name  string
		holds func(*testing.T, *node)
	}{
		{"a server has its devices and answers", serves},
		{"a server that finds too few healthy devices says how many there are", tellsOfShortage},
		{"devices that recover are used", recovers},
		{"a kubelet's restart leaves servers and devices as they were", survivesRestart},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.holds(t, n) }) {
			return // The next step builds on this one.
		}
	}
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

func serves(t *testing.T, n *node) {
	n.apply(t, deploy("first", 2))
	n.awaitReady(t, "first")
	pods := n.pods(t, "first")
	if len(pods) != 1 {
		t.Fatalf("%d pods, want 1", len(pods))
	}
	if diff := cmp.Diff([]string{pods[0].Status.PodIP + ":8000"}, n.endpoints(t, "first")); diff != "" {
		t.Fatalf("the Service's endpoints (-want +got):\n%s", diff)
	}
	seen := n.looks(t, "first")[0]
	own := cardsOf(seen)
	if len(own) != 2 {
		t.Fatalf("the server's devices are %q, want two", seen.VisibleDevices)
	}
	want := view{
		Instance: seen.Instance, VisibleDevices: address(own[0]) + "," + address(own[1]),
		Devices:           []string{"/" + deviceNode(own[0]), "/" + deviceNode(own[1])},
		SharedMemoryBytes: n.sharedMemory(t, pods[0]),
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("what the server sees (-want +got):\n%s", diff)
	}
}

// tellsOfShortage has three cards of nobody's fail: two say so themselves, one loses its
// device node.
func tellsOfShortage(t *testing.T, n *node) {
	idle := n.idleCards(t)
	n.host.set(t, idle[0], "status", "1")
	n.host.set(t, idle[1], "status", "1")
	n.host.removeNode(t, idle[2])
	n.awaitAllocatable(t, cards-3)

	n.apply(t, deploy("second", 4))
	n.awaitShortage(t, "second",
		"4 sapeon.com/snx3 requested, 5 allocatable, 2 in use, 3 free on the best of 1 node")
	table := strings.Fields(n.kubectl(t, "get", "npudeploy", "second", "--no-headers"))
	if diff := cmp.Diff([]string{"second", "False", "NoFreeDevice", "x330", "4"}, table[:5]); diff != "" {
		t.Errorf("kubectl get npudeploy (-want +got):\n%s", diff)
	}
	n.awaitReady(t, "first") // It has its own devices, and they are well.
}

func recovers(t *testing.T, n *node) {
	idle := n.idleCards(t)
	n.host.set(t, idle[0], "status", "0")
	n.host.set(t, idle[1], "status", "0")
	n.host.addNode(t, idle[2])
	n.awaitAllocatable(t, cards)
	n.awaitReady(t, "second")
}

func survivesRestart(t *testing.T, n *node) {
	before, asked := n.standing(t), n.registrations(t)
	n.restartKubelet(t)
	n.await(t, devicePlugin, "another registration", func(context.Context) error {
		if n.registrations(t) == asked {
			return errors.New("registered " + asked + " times, as before")
		}
		return nil
	})
	n.awaitAllocatable(t, cards)

	// Two devices are free. A kubelet that had forgotten who holds the others would hand
	// them out again, or none.
	n.kubectl(t, "scale", "npudeploy/first", "--replicas=2")
	n.await(t, kubeletName, "a second server", func(context.Context) error {
		if got := len(n.endpoints(t, "first")); got != 2 {
			return fmt.Errorf("%d servers are ready", got)
		}
		return nil
	})
	n.awaitReady(t, "first")
	n.awaitReady(t, "second")
	var used []int
	for _, seen := range append(n.looks(t, "first"), n.looks(t, "second")...) {
		used = append(used, cardsOf(seen)...)
	}
	slices.Sort(used)
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6, 7}, used); diff != "" {
		t.Errorf("the devices of all servers (-want +got):\n%s", diff)
	}
	after := n.standing(t)
	for pod, server := range before {
		if diff := cmp.Diff(server, after[pod]); diff != "" {
			t.Errorf("the server of %s (-want +got):\n%s", pod, diff)
		}
	}
}
