package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	resource  = "sapeon.com/snx3"
	namespace = "default"
)

// view is what the server tells of its container: see server/.
type view struct {
	Instance          string   `json:"instance"`
	VisibleDevices    string   `json:"visibleDevices"`
	Devices           []string `json:"devices"`
	SharedMemoryBytes int64    `json:"sharedMemoryBytes"`
}

// apply applies a manifest as a user would.
func (n *node) apply(t *testing.T, manifest string) {
	t.Helper()
	if err := n.cluster.Apply(t.Context(), n.write(t, "manifest.yaml", manifest)); err != nil {
		t.Fatal(err)
	}
}

func (n *node) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := n.cluster.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (n *node) awaitAllocatable(t *testing.T, want int64) {
	t.Helper()
	n.await(t, devicePlugin, fmt.Sprintf("%d allocatable devices", want), func(ctx context.Context) error {
		var found corev1.Node
		if err := n.client.Get(ctx, types.NamespacedName{Name: nodeName}, &found); err != nil {
			return err
		}
		if got := found.Status.Allocatable[resource]; got.Value() != want {
			return fmt.Errorf("%s are allocatable", got.String())
		}
		return nil
	})
}

// awaitReason waits until Ready has a reason, and returns the message.
func (n *node) awaitReason(t *testing.T, name, reason string) (message string) {
	t.Helper()
	n.await(t, kubeletName, name+" to be "+reason, func(ctx context.Context) error {
		var deploy v1.NpuDeploy
		if err := n.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &deploy); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
		if ready == nil || ready.Reason != reason || ready.ObservedGeneration != deploy.Generation {
			return fmt.Errorf("Ready is %+v", ready) //nolint:staticcheck // It is the condition's name.
		}
		message = ready.Message
		return nil
	})
	return message
}

// pods returns the pods of an NpuDeploy.
func (n *node) pods(t *testing.T, name string) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	err := n.client.List(t.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{"dudaji.com/npudeploy": name})
	if err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

// endpoints returns where the Service of an NpuDeploy leads to: HOST:PORT of each ready
// pod. Nothing here forwards the Service's own address, as kube-proxy would, so that
// a client does what it does: choose an endpoint.
func (n *node) endpoints(t *testing.T, service string) []string {
	t.Helper()
	var slices discoveryv1.EndpointSliceList
	err := n.client.List(t.Context(), &slices, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; ready == nil || !*ready {
				continue
			}
			for _, port := range slice.Ports {
				found = append(found, fmt.Sprintf("%s:%d", endpoint.Addresses[0], *port.Port))
			}
		}
	}
	return found
}

// look asks a server over HTTP what it sees.
func (n *node) look(t *testing.T, address string) view {
	t.Helper()
	var seen view
	n.await(t, containerd, address+" to answer", func(ctx context.Context) error {
		return get(ctx, "http://"+address+"/container", func(body io.Reader) error {
			return json.NewDecoder(body).Decode(&seen)
		})
	})
	return seen
}

// registrations is how often the plugin has registered with a kubelet.
func (n *node) registrations(ctx context.Context) (line string, err error) {
	err = get(ctx, "http://"+pluginAddress+"/metrics", func(body io.Reader) error {
		text, err := io.ReadAll(body)
		_, after, _ := strings.Cut(string(text), "\nnufi_deviceplugin_registrations_total{")
		line, _, _ = strings.Cut(after, "\n")
		return err
	})
	return line, err
}

// get asks for a URL, whose answer has to be 200.
func get(ctx context.Context, url string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if read == nil {
		return nil
	}
	return read(response.Body)
}
