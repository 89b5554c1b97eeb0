package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestModelIsServedOnARealNode(t *testing.T) {
	if testing.Short() {
		t.Skip("a node is not started with -short")
	}
	if lacks := missing(); lacks != "" {
		t.Skip("a node takes what this machine lacks: " + lacks)
	}
	n := newNode(t)
	n.awaitAllocatable(cards)
	for _, step := range []struct {
		name  string
		holds func(*node)
	}{
		{"a server has its devices and answers", (*node).serves},
		{"a server that finds too few healthy devices says how many there are", (*node).tellsOfShortage},
		{"devices that recover are used", (*node).recovers},
		{"a kubelet's restart leaves servers and devices as they were", (*node).survivesRestart},
		{"a log is for who may view its deployment", (*node).readsLog},
		{"the log of a server that crashed can be read after its restart", (*node).readsPrevious},
		{"who follows a log gets all that was written before the pod was gone", (*node).followsToTheEnd},
	} {
		if !t.Run(step.name, func(t *testing.T) { n.T = t; step.holds(n) }) {
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

func (n *node) serves() {
	n.apply(deploy("first", 2))
	n.awaitReady("first")
	pods := n.pods("first")
	if len(pods) != 1 {
		n.Fatalf("%d pods, want 1", len(pods))
	}
	n.awaitEndpoint("first", serverAddress(pods[0]))
	seen := n.look(pods[0])
	own := cardsOf(seen)
	if len(own) != 2 {
		n.Fatalf("the server's devices are %q, want two", seen.VisibleDevices)
	}
	want := view{
		Instance: seen.Instance, VisibleDevices: address(own[0]) + "," + address(own[1]),
		Devices:           []string{"/" + deviceNode(own[0]), "/" + deviceNode(own[1])},
		SharedMemoryBytes: n.sharedMemory(pods[0]),
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		n.Errorf("what the server sees (-want +got):\n%s", diff)
	}
}

// tellsOfShortage makes three free cards fail: two report a bad status, one loses its
// device node.
func (n *node) tellsOfShortage() {
	idle := n.idleCards()
	failed := time.Now()
	n.host.setStatus(n.T, idle[0], "1")
	n.host.setStatus(n.T, idle[1], "1")
	n.host.removeNode(n.T, idle[2])
	n.awaitAllocatable(cards - 3)
	n.Logf("from the failure to the node's allocatable: %s", time.Since(failed).Round(100*time.Millisecond))
	n.awaitHealth(corev1.ConditionFalse, "3 of 8 devices of sapeon.com/snx3 are not available: ")
	n.awaitFailures(idle[:3]...)

	n.apply(deploy("second", 4))
	n.awaitShortage("second",
		"4 sapeon.com/snx3 requested, 5 allocatable, 2 in use, 3 free on the best of 1 node")
	table := strings.Fields(n.kubectl("get", "npudeploy", "second", "--no-headers"))
	if diff := cmp.Diff([]string{"second", "False", "NoFreeDevice", "x330", "4"}, table[:5]); diff != "" {
		n.Errorf("kubectl get npudeploy (-want +got):\n%s", diff)
	}
	n.awaitReady("first") // It has its own devices, and they are well.
}

func (n *node) recovers() {
	idle := n.idleCards()
	n.host.setStatus(n.T, idle[0], "0")
	n.host.setStatus(n.T, idle[1], "0")
	n.host.addNode(n.T, idle[2])
	n.awaitAllocatable(cards)
	n.awaitHealth(corev1.ConditionTrue, "all 8 devices of sapeon.com/snx3 are available")
	n.awaitReady("second")
}

func (n *node) survivesRestart() {
	before := n.standing()
	asked, err := registrations(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	n.restartKubelet()
	n.await(devicePlugin, "another registration", func(ctx context.Context) error {
		count, err := registrations(ctx)
		if err == nil && count == asked {
			err = errors.New("registered " + asked + " times, as before")
		}
		return err
	})
	n.awaitAllocatable(cards)

	// Two devices are free. A kubelet that had forgotten who holds the others would hand
	// them out again, or none.
	n.kubectl("scale", "npudeploy/first", "--replicas=2")
	n.awaitReady("first")
	n.awaitReady("second")
	after := n.standing()
	var used []int
	for _, server := range after {
		used = append(used, cardsOf(server.View)...)
	}
	slices.Sort(used)
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6, 7}, used); diff != "" {
		n.Errorf("the devices of all servers (-want +got):\n%s", diff)
	}
	for pod, server := range before {
		if diff := cmp.Diff(server, after[pod]); diff != "" {
			n.Errorf("the server of %s (-want +got):\n%s", pod, diff)
		}
	}
	if restarts := n.pluginRestarts(); restarts != 0 {
		n.Errorf("the plugin was started again %d times", restarts)
	}
}
