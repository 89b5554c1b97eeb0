package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
)

// pluginOverlay changes the image of the plugin's bundle, the host's folders, and the network: the API
// server listens on the node's loopback address. Permissions, mounts and limits are the bundle's.
const pluginOverlay = `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%[1]s]
images: [{name: dudaji/nufi-deviceplugin, newName: %[2]s, newTag: %[3]q}]
patches:
- target: {kind: DaemonSet}
  patch: |
    - {op: add, path: /spec/template/spec/hostNetwork, value: true}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --host-prefix=%[4]s}
    - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: KUBERNETES_SERVICE_HOST, value: %[5]q}}
    - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: KUBERNETES_SERVICE_PORT, value: %[6]q}}
    - {op: replace, path: /spec/template/spec/volumes/2/hostPath/path, value: %[4]s/sys}
    - {op: replace, path: /spec/template/spec/volumes/3/hostPath/path, value: %[4]s/dev}
`

// pluginNamespace is the bundle's namespace, and the name of the DaemonSet.
const pluginNamespace = "nufi-deviceplugin"

// installPlugin installs the plugin's bundle as an administrator does.
func (n *node) installPlugin() {
	n.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		n.Fatal(err)
	}
	bundle, err := filepath.Rel(n.path("plugin"), filepath.Join(root, "bundle/deviceplugin"))
	if err != nil {
		n.Fatal(err)
	}
	server, err := url.Parse(n.cluster.RESTConfig().Host)
	if err != nil {
		n.Fatal(err)
	}
	image, tag, _ := strings.Cut(pluginImage, ":")
	overlay := n.write("plugin/kustomization.yaml",
		fmt.Sprintf(pluginOverlay, bundle, image, tag, n.host.root, server.Hostname(), server.Port()))
	n.kubectl("apply", "-k", filepath.Dir(overlay))
}

// awaitHealth waits until the node's condition has this status and message prefix.
func (n *node) awaitHealth(status corev1.ConditionStatus, message string) {
	n.Helper()
	n.await(devicePlugin, "the condition X330Healthy", func(ctx context.Context) error {
		var node corev1.Node
		if err := n.client.Get(ctx, types.NamespacedName{Name: nodeName}, &node); err != nil {
			return err
		}
		for _, c := range node.Status.Conditions {
			if c.Type != "X330Healthy" {
				continue
			}
			if c.Status == status && strings.HasPrefix(c.Message, message) {
				return nil
			}
			return fmt.Errorf("it is %s: %s", c.Status, c.Message)
		}
		return fmt.Errorf("the node has %v", node.Status.Conditions)
	})
}

// awaitFailures waits until exactly these cards have one event of a failure each.
func (n *node) awaitFailures(failed ...int) {
	n.Helper()
	want := map[string]int{}
	for _, card := range failed {
		want["device "+address(card)]++
	}
	n.await(devicePlugin, "an event of each failure", func(ctx context.Context) error {
		var events corev1.EventList
		if err := n.client.List(ctx, &events, client.InNamespace("default")); err != nil {
			return err
		}
		got := map[string]int{}
		for _, event := range events.Items {
			if event.InvolvedObject.Name == nodeName && event.Reason == "DeviceUnhealthy" {
				device, _, _ := strings.Cut(event.Message, " of ")
				got[device] += int(event.Count)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("events (-want +got):\n%s", diff)
		}
		return nil
	})
}

// pluginRestarts returns the number of restarts of the plugin's container.
func (n *node) pluginRestarts() (restarts int32) {
	n.Helper()
	var pods corev1.PodList
	if err := n.client.List(n.Context(), &pods, client.InNamespace(pluginNamespace)); err != nil {
		n.Fatal(err)
	}
	if len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) != 1 {
		n.Fatalf("the plugin has %d pods, want one with one container", len(pods.Items))
	}
	return pods.Items[0].Status.ContainerStatuses[0].RestartCount
}

// pluginLog returns the path of the log of the plugin's container.
func (n *node) pluginLog() string {
	logs, err := filepath.Glob(n.path("pods/" + pluginNamespace + "_*/*/*.log"))
	if err != nil || len(logs) == 0 {
		return os.DevNull // It was not started: see the kubelet's log.
	}
	return logs[len(logs)-1]
}
