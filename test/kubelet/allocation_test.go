package kubelet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContainerGetsDevicesAndEnvironment(t *testing.T) {
	f, h := newFolder(t), newHost(t, 8)
	k := startKubelet(t, f)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(8, 8)
	pod := newPod("llama", 2)
	held := k.mustAdmit(pod)
	options, err := k.containerOptions(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, e := range options.Envs {
		env[e.Name] = e.Value
	}
	if diff := cmp.Diff(map[string]string{"SAPEON_VISIBLE_DEVICES": strings.Join(held, ",")}, env); diff != "" {
		t.Errorf("environment: -want +got:\n%s", diff)
	}
	var nodes []string
	for _, d := range options.Devices {
		nodes = append(nodes, fmt.Sprint(d.PathInContainer, " ", d.PathOnHost, " ", d.Permissions))
	}
	want := []string{"/dev/snx3_0 " + h.root + "/dev/snx3_0 rw", "/dev/snx3_1 " + h.root + "/dev/snx3_1 rw"}
	if diff := cmp.Diff(want, nodes); diff != "" {
		t.Errorf("nodes: -want +got:\n%s", diff)
	}
}

func TestPodsArePackedWithinANUMANode(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 8), f) // pairs share a root: 0 1 | 2 3, and 4 5 | 6 7
	p.awaitReady()
	k.awaitCapacity(8, 8)
	for _, step := range []struct {
		pod  string
		size int64
		want []int
	}{
		{"single", 1, []int{0}},
		{"pair", 2, []int{2, 3}},  // not 1, whose root is broken
		{"rest", 1, []int{1}},     // fills the broken root
		{"other", 2, []int{4, 5}}, // the other node: the first is full
		{"last", 2, []int{6, 7}},
	} {
		got := k.mustAdmit(newPod(step.pod, step.size))
		if diff := cmp.Diff(addresses(step.want...), got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", step.pod, diff)
		}
	}
	if calls, err := p.metric(`nufi_deviceplugin_preferred_allocation_seconds_count{resource="sapeon.com/snx3"}`); err != nil || calls == 0 {
		t.Errorf("the kubelet asked %v times, %v", calls, err)
	}
}

func TestPodLargerThanANUMANodeIsRejected(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	startPlugin(t, newHost(t, 8), f).awaitReady()
	k.awaitCapacity(8, 8)
	if result := k.admit(t.Context(), newPod("wide", 5)); result.Admit || result.Reason != "TopologyAffinityError" {
		t.Errorf("got %+v", result)
	}
	k.mustAdmit(newPod("fits", 4))
}

func TestDevicesWithoutNUMANodeAreAdmitted(t *testing.T) {
	f, h := newFolder(t), newHost(t, 4)
	for card := range 4 {
		h.set(card, "numa_node", "-1")
	}
	k := startKubelet(t, f)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(4, 4)
	k.mustAdmit(newPod("llama", 3))
}

func TestContainerWaitsForADeviceInUse(t *testing.T) {
	f, h := newFolder(t), newHost(t, 1)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	p.awaitReady()
	k.awaitCapacity(1, 1)
	pod := newPod("llama", 1)
	k.mustAdmit(pod)

	h.set(0, "users", "1") // a process has the device open
	if _, err := k.containerOptions(t.Context(), pod); err == nil || !strings.Contains(err.Error(), `users is "1"`) {
		t.Errorf("the container was started: %v", err)
	}
	started := make(chan error)
	go func() {
		_, err := k.containerOptions(t.Context(), pod)
		started <- err
	}()
	h.set(0, "users", "0")
	if err := <-started; err != nil {
		t.Errorf("the device was free in time: %v", err)
	}
	p.awaitMetric(`nufi_deviceplugin_preparations_total{resource="sapeon.com/snx3",result="failure"}`, 1)
	p.awaitMetric(`nufi_deviceplugin_preparations_total{resource="sapeon.com/snx3",result="success"}`, 1)
}

func TestHoldersAreExported(t *testing.T) {
	f := newFolder(t)
	k := startKubelet(t, f)
	p := startPlugin(t, newHost(t, 2), f)
	p.awaitReady()
	k.awaitCapacity(2, 2)
	series := func(card int, namespace, pod, container string) string {
		return fmt.Sprintf(`nufi_deviceplugin_device_allocated{container="%s",device="%s",hostname="npu-node-1",name="snx3_%d",namespace="%s",pod="%s",resource="sapeon.com/snx3",uuid="uuid-%d"}`,
			container, address(card), card, namespace, pod, card)
	}
	p.awaitMetric(series(0, "", "", ""), 0)
	p.awaitMetric(series(1, "", "", ""), 0)
	pod := newPod("llama", 1)
	k.mustAdmit(pod)
	p.awaitMetric(series(0, "ml", "llama", "server"), 1)
	p.awaitMetric(series(1, "", "", ""), 0)
	k.remove(pod)
	p.awaitMetric(series(0, "", "", ""), 0)
	p.awaitMetric("nufi_deviceplugin_pod_resources_up{resource=\"sapeon.com/snx3\"}", 1)
}

func addresses(cards ...int) []string {
	ids := make([]string, len(cards))
	for i, card := range cards {
		ids[i] = address(card)
	}
	return ids
}

// After a restart of the node, /dev may have other numbers. The kubelet reuses its checkpoint of Allocate.
func TestContainerWithAnOutdatedGrantIsNotStarted(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	p.awaitReady()
	k.awaitCapacity(2, 2)
	pod := newPod("llama", 1)
	k.mustAdmit(pod)
	if _, err := k.containerOptions(t.Context(), pod); err != nil {
		t.Fatalf("the first start: %v", err)
	}
	k.stop()
	p.terminate()
	h.renumber(map[int]int{0: 1, 1: 0})

	k = startKubelet(t, f, pod)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(2, 2)
	k.mustAdmit(pod)
	if _, err := k.containerOptions(t.Context(), pod); err == nil || !strings.Contains(err.Error(), "delete the pod") {
		t.Errorf("the container was started: %v", err)
	}
}

// A reloaded driver renumbers its nodes, and the next scan of the bus is seconds away.
func TestReloadedDriverGivesNoContainerAnotherDevicesNode(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	startPlugin(t, h, f, "--devices", quickX330(t, func(d map[string]any) { d["health"].(map[string]any)["rescan"] = "10m" })).awaitReady()
	k.awaitCapacity(2, 2)
	h.renumber(map[int]int{0: 1, 1: 0})
	pod := newPod("llama", 1)
	k.mustAdmit(pod)
	options, err := k.containerOptions(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	if got := options.Devices[0].PathInContainer; got != "/dev/snx3_1" {
		t.Errorf("got the node %s, want that of the device, /dev/snx3_1", got)
	}
	h.renumber(map[int]int{0: 0, 1: 1})
	if _, err := k.containerOptions(t.Context(), pod); err == nil || !strings.Contains(err.Error(), "delete the pod") {
		t.Errorf("the container was started with an outdated node: %v", err)
	}
}
