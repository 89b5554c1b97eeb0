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

// awaitReady waits until an NpuDeploy is ready, and of this generation.
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

// ready returns the condition that sums up an NpuDeploy.
func (n *node) ready(ctx context.Context, name string) (metav1.Condition, error) {
	var deploy v1.NpuDeploy
	if err := n.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &deploy); err != nil {
		return metav1.Condition{}, err
	}
	ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != deploy.Generation {
		return metav1.Condition{}, errors.New("the controller has not looked yet")
	}
	return *ready, nil
}

// awaitShortage waits until an NpuDeploy is not ready for want of devices, and says so
// with these counts.
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

// awaitEndpoint waits until a Service leads to one address: HOST:PORT of a ready pod.
// Nothing here forwards the Service's own address, as kube-proxy would, so that a
// client does what it does: choose an endpoint.
func (n *node) awaitEndpoint(service, address string) {
	n.Helper()
	n.await(string(cluster.ControllerManager), "the Service "+service+" to lead to "+address, func(ctx context.Context) error {
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

func endpoints(found []discoveryv1.EndpointSlice) []string {
	var addresses []string
	for _, slice := range found {
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

// look asks a pod's server over HTTP what it sees.
func (n *node) look(pod corev1.Pod) (seen view) {
	n.Helper()
	address := serverAddress(pod)
	n.await(containerd, address+" to answer", func(ctx context.Context) error {
		return get(ctx, "http://"+address+"/container", func(body io.Reader) error {
			return json.NewDecoder(body).Decode(&seen)
		})
	})
	return seen
}

// registrations is how often the plugin has registered with a kubelet.
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

// idleCards are those that the first server does not have.
func (n *node) idleCards() []int {
	n.Helper()
	own := cardsOf(n.look(n.pods("first")[0]))
	var idle []int
	for card := range cards {
		if !slices.Contains(own, card) {
			idle = append(idle, card)
		}
	}
	return idle
}

func cardsOf(seen view) []int {
	var own []int
	for card := range cards {
		if slices.Contains(strings.Split(seen.VisibleDevices, ","), address(card)) {
			own = append(own, card)
		}
	}
	return own
}

// sharedMemory is what the pod's volume in memory may hold: what was rendered, but never
// more than the node has.
func (n *node) sharedMemory(pod corev1.Pod) int64 {
	n.Helper()
	at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil
	})
	if at < 0 {
		n.Fatal("no volume of a limited size was rendered")
	}
	var found corev1.Node
	if err := n.client.Get(n.Context(), types.NamespacedName{Name: nodeName}, &found); err != nil {
		n.Fatal(err)
	}
	return min(pod.Spec.Volumes[at].EmptyDir.SizeLimit.Value(), found.Status.Allocatable.Memory().Value())
}

// server is a pod, as what would change if anything restarted it.
type server struct {
	View     view
	Restarts int32
}

// standing returns the servers of both NpuDeploys by their pods' UIDs.
func (n *node) standing() map[types.UID]server {
	n.Helper()
	servers := map[types.UID]server{}
	for _, name := range []string{"first", "second"} {
		for _, pod := range n.pods(name) {
			servers[pod.UID] = server{n.look(pod), pod.Status.ContainerStatuses[0].RestartCount}
		}
	}
	return servers
}
