package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	resource  = "sapeon.com/snx3"
	namespace = "default"
)

// view is the server's report of its container: see server/.
type view struct {
	Instance          string   `json:"instance"`
	VisibleDevices    string   `json:"visibleDevices"`
	Devices           []string `json:"devices"`
	SharedMemoryBytes int64    `json:"sharedMemoryBytes"`
}

// apply applies a manifest as a user would.
func (n *node) apply(manifest string) {
	n.Helper()
	if err := n.cluster.Apply(n.Context(), n.write("manifest.yaml", manifest)); err != nil {
		n.Fatal(err)
	}
}

func (n *node) kubectl(args ...string) string {
	n.Helper()
	out, err := n.cluster.Kubectl(n.Context(), args...)
	if err != nil {
		n.Fatal(err)
	}
	return out
}

func (n *node) awaitAllocatable(want int64) {
	n.Helper()
	n.await(devicePlugin, fmt.Sprintf("%d allocatable devices", want), func(ctx context.Context) error {
		var node corev1.Node
		if err := n.client.Get(ctx, types.NamespacedName{Name: nodeName}, &node); err != nil {
			return err
		}
		if got := node.Status.Allocatable[resource]; got.Value() != want {
			return fmt.Errorf("%s are allocatable", got.String())
		}
		return nil
	})
}

// awaitReady waits until an NpuDeploy is ready in its current generation.
func (n *node) awaitReady(name string) {
	n.Helper()
	n.await(kubeletName, name+" to be ready", func(ctx context.Context) error {
		ready, err := n.ready(ctx, name)
		if err == nil && ready.Status != metav1.ConditionTrue {
			err = fmt.Errorf("not ready: %s: %s", ready.Reason, ready.Message)
		}
		return err
	})
}

// ready returns an NpuDeploy's condition Ready.
func (n *node) ready(ctx context.Context, name string) (metav1.Condition, error) {
	var deploy v1.NpuDeploy
	if err := n.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &deploy); err != nil {
		return metav1.Condition{}, err
	}
	ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != deploy.Generation {
		return metav1.Condition{}, errors.New("the controller has not observed the generation")
	}
	return *ready, nil
}

// awaitShortage waits until an NpuDeploy has the reason NoFreeDevice with these counts.
func (n *node) awaitShortage(name, counts string) {
	n.Helper()
	n.await(controller, name+" to be short of devices", func(ctx context.Context) error {
		ready, err := n.ready(ctx, name)
		if err == nil && (ready.Reason != v1.ReasonNoFreeDevice || !strings.HasSuffix(ready.Message, ": "+counts)) {
			err = fmt.Errorf("got %s: %q, want %s: %q", ready.Reason, ready.Message, v1.ReasonNoFreeDevice, counts)
		}
		return err
	})
}

// pods returns the pods of an NpuDeploy.
func (n *node) pods(name string) []corev1.Pod {
	n.Helper()
	var pods corev1.PodList
	err := n.client.List(n.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{"dudaji.com/npudeploy": name})
	if err != nil {
		n.Fatal(err)
	}
	return pods.Items
}

// awaitEndpoint waits until a Service has one endpoint: HOST:PORT of a ready pod. There is no
// kube-proxy, so that the Service's address cannot be used.
func (n *node) awaitEndpoint(service, address string) {
	n.Helper()
	n.await(string(cluster.ControllerManager), "the endpoint "+address+" of Service "+service, func(ctx context.Context) error {
		var list discoveryv1.EndpointSliceList
		err := n.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service})
		if err != nil {
			return err
		}
		if diff := cmp.Diff([]string{address}, endpoints(list.Items)); diff != "" {
			return fmt.Errorf("endpoints (-want +got):\n%s", diff)
		}
		return nil
	})
}

func endpoints(list []discoveryv1.EndpointSlice) []string {
	var addresses []string
	for _, slice := range list {
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; ready == nil || !*ready {
				continue
			}
			for _, port := range slice.Ports {
				addresses = append(addresses, fmt.Sprintf("%s:%d", endpoint.Addresses[0], *port.Port))
			}
		}
	}
	return addresses
}

// viewOf returns the view of a pod's server, which it requests over HTTP.
func (n *node) viewOf(pod corev1.Pod) (v view) {
	n.Helper()
	address := serverAddress(pod)
	n.await(containerd, address+" to answer", func(ctx context.Context) error {
		return get(ctx, "http://"+address+"/container", func(body io.Reader) error {
			return json.NewDecoder(body).Decode(&v)
		})
	})
	return v
}

// registrations returns how often the plugin has registered with a kubelet.
func registrations(ctx context.Context) (count string, err error) {
	err = get(ctx, "http://"+pluginAddress+"/metrics", func(body io.Reader) error {
		text, err := io.ReadAll(body)
		_, after, _ := strings.Cut(string(text), `nufi_deviceplugin_registrations_total{resource="`+resource+`",result="success"} `)
		count, _, _ = strings.Cut(after, "\n")
		return err
	})
	return count, err
}

// get requests a URL, and fails unless the response is 200.
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

func serverAddress(pod corev1.Pod) string { return pod.Status.PodIP + ":8000" }

// idleCards returns the cards that the first server does not use.
func (n *node) idleCards() []int {
	n.Helper()
	own := cardsOf(n.viewOf(n.pods("first")[0]))
	var idle []int
	for card := range cards {
		if !slices.Contains(own, card) {
			idle = append(idle, card)
		}
	}
	return idle
}

func cardsOf(v view) []int {
	var own []int
	for card := range cards {
		if slices.Contains(strings.Split(v.VisibleDevices, ","), address(card)) {
			own = append(own, card)
		}
	}
	return own
}

// sharedMemory returns the size of the pod's volume in memory: its limit, or the node's memory if that
// is less.
func (n *node) sharedMemory(pod corev1.Pod) int64 {
	n.Helper()
	at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil
	})
	if at < 0 {
		n.Fatal("the pod has no volume with a size limit")
	}
	var node corev1.Node
	if err := n.client.Get(n.Context(), types.NamespacedName{Name: nodeName}, &node); err != nil {
		n.Fatal(err)
	}
	return min(pod.Spec.Volumes[at].EmptyDir.SizeLimit.Value(), node.Status.Allocatable.Memory().Value())
}

// server is the state of a pod's server that a restart would change.
type server struct {
	View     view
	Restarts int32
}

// servers returns the servers of both NpuDeploys by the UIDs of their pods.
func (n *node) servers() map[types.UID]server {
	n.Helper()
	servers := map[types.UID]server{}
	for _, name := range []string{"first", "second"} {
		for _, pod := range n.pods(name) {
			servers[pod.UID] = server{n.viewOf(pod), pod.Status.ContainerStatuses[0].RestartCount}
		}
	}
	return servers
}
