package e2e

import (
	"fmt"
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
	n.awaitReason(t, "first", "Ready")

	pods := n.pods(t, "first")
	if len(pods) != 1 {
		t.Fatalf("%d pods, want 1", len(pods))
	}
	if diff := cmp.Diff([]string{pods[0].Status.PodIP + ":8000"}, n.endpoints(t, "first")); diff != "" {
		t.Fatalf("the Service's endpoints (-want +got):\n%s", diff)
	}
	seen := n.look(t, n.endpoints(t, "first")[0])
	ids := strings.Split(seen.VisibleDevices, ",")
	t.Log(ids, seen)
}
