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
	if missing := missingRequirements(); missing != "" {
		t.Skip("a node requires " + missing)
	}
	n := newNode(t)
	n.awaitAllocatable(cards)
	for _, step := range []struct {
		name string
		test func(*node)
	}{
		{"a server gets its devices and answers", (*node).testServe},
		{"a shortage of healthy devices is reported with their number", (*node).testShortage},
		{"recovered devices are allocated", (*node).testRecovery},
		{"a restart of the kubelet changes no server and no device", (*node).testKubeletRestart},
		{"a log is returned to users who may view the deployment", (*node).testLog},
		{"the log of a crashed server is available after its restart", (*node).testPreviousLog},
		{"a followed log is complete when its pod is deleted", (*node).testFollowedLog},
	} {
		if !t.Run(step.name, func(t *testing.T) { n.T = t; step.test(n) }) {
			return // The next step builds on this one.
		}
	}
}

// manifest returns an NpuDeploy with a number of devices. It overrides what a test machine lacks: the
// volume of the model cache, and the requests of a large model.
func manifest(name string, devices int) string {
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

func (n *node) testServe() {
	n.apply(manifest("first", 2))
	n.awaitReady("first")
	pods := n.pods("first")
	if len(pods) != 1 {
		n.Fatalf("%d pods, want 1", len(pods))
	}
	n.awaitEndpoint("first", serverAddress(pods[0]))
	got := n.viewOf(pods[0])
	own := cardsOf(got)
	if len(own) != 2 {
		n.Fatalf("the server's devices are %q, want two", got.VisibleDevices)
	}
	want := view{
		Instance: got.Instance, VisibleDevices: address(own[0]) + "," + address(own[1]),
		Devices:           []string{"/" + deviceNode(own[0]), "/" + deviceNode(own[1])},
		SharedMemoryBytes: n.sharedMemory(pods[0]),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		n.Errorf("the container's view differs (-want +got):\n%s", diff)
	}
}

// testShortage lets three free cards fail: two report a bad status, one loses its device node.
func (n *node) testShortage() {
	idle := n.idleCards()
	failed := time.Now()
	n.host.setStatus(n.T, idle[0], "1")
	n.host.setStatus(n.T, idle[1], "1")
	n.host.removeNode(n.T, idle[2])
	n.awaitAllocatable(cards - 3)
	n.Logf("from the failure to the node's allocatable: %s", time.Since(failed).Round(100*time.Millisecond))
	n.awaitHealth(corev1.ConditionFalse, "3 of 8 devices of sapeon.com/snx3 are not available: ")
	n.awaitFailures(idle[:3]...)

	n.apply(manifest("second", 4))
	n.awaitShortage("second",
		"4 sapeon.com/snx3 requested, 5 allocatable, 2 in use, 3 free on the best of 1 node")
	table := strings.Fields(n.kubectl("get", "npudeploy", "second", "--no-headers"))
	if diff := cmp.Diff([]string{"second", "False", "NoFreeDevice", "x330", "4"}, table[:5]); diff != "" {
		n.Errorf("kubectl get npudeploy (-want +got):\n%s", diff)
	}
	n.awaitReady("first") // Its devices are healthy.
}

func (n *node) testRecovery() {
	idle := n.idleCards()
	n.host.setStatus(n.T, idle[0], "0")
	n.host.setStatus(n.T, idle[1], "0")
	n.host.addNode(n.T, idle[2])
	n.awaitAllocatable(cards)
	n.awaitHealth(corev1.ConditionTrue, "all 8 devices of sapeon.com/snx3 are available")
	n.awaitReady("second")
}

func (n *node) testKubeletRestart() {
	before := n.servers()
	count, err := registrations(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	n.restartKubelet()
	n.await(devicePlugin, "another registration", func(ctx context.Context) error {
		now, err := registrations(ctx)
		if err == nil && now == count {
			err = errors.New("registered " + count + " times, as before")
		}
		return err
	})
	n.awaitAllocatable(cards)

	// Two devices are free. A kubelet without its checkpoint would allocate others again, or none.
	n.kubectl("scale", "npudeploy/first", "--replicas=2")
	n.awaitReady("first")
	n.awaitReady("second")
	after := n.servers()
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
		n.Errorf("the plugin was restarted %d times", restarts)
	}
}
