package kubelet

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

func TestFailedDeviceIsWithdrawnUntilItRecovers(t *testing.T) {
	for name, failure := range map[string]struct {
		reason       string
		fail, repair func(*host)
	}{
		"its status is bad": {"AttributeBad",
			func(h *host) { h.set(7, "status", "3") }, func(h *host) { h.set(7, "status", "0") }},
		"its node is missing": {"DeviceNodeMissing",
			func(h *host) { h.removeNode(7) }, func(h *host) { h.addNode(7) }},
		"it fell off the bus": {"OffTheBus",
			func(h *host) { h.set(7, "config", "\xff\xff\xff\xff") }, func(h *host) { h.set(7, "config", "\x56\x1f\x30\x03") }},
	} {
		t.Run(name, func(t *testing.T) {
			f, h := newFolder(t), newHost(t, 8)
			k := startKubelet(t, f)
			p := startPlugin(t, h, f)
			p.awaitReady()
			k.awaitCapacity(8, 8)
			failure.fail(h)
			k.awaitCapacity(8, 7)
			p.awaitMetric(fmt.Sprintf(`nufi_deviceplugin_device_state{device="%s",hostname="npu-node-1",name="snx3_7",reason="%s",resource="sapeon.com/snx3",state="Unhealthy",uuid="uuid-7"}`, address(7), failure.reason), 1)
			failure.repair(h)
			k.awaitCapacity(8, 8)
		})
	}
}

func TestPodStatusReportsAFailedDevice(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(2, 2)
	pod := newPod("llama", 1)
	k.mustAdmit(pod)
	h.removeNode(0)
	k.awaitCapacity(2, 1)
	select {
	case update := <-k.devices.Updates():
		if len(update.PodUIDs) != 1 || update.PodUIDs[0] != string(pod.UID) {
			t.Errorf("the kubelet looks at pods %v", update.PodUIDs)
		}
	case <-time.After(timeout):
		t.Fatal("the kubelet does not look at the pod")
	}
	status := &v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{{Name: "server"}}}
	k.devices.UpdateAllocatedResourcesStatus(klog.Background(), pod, status)
	resources := status.ContainerStatuses[0].AllocatedResourcesStatus
	if len(resources) != 1 || resources[0].Resources[0].Health != v1.ResourceHealthStatusUnhealthy {
		t.Errorf("the pod's status has %+v", resources)
	}
}

func TestUnhealthyDeviceIsNotAllocated(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(2, 2)
	h.removeNode(0)
	k.awaitCapacity(2, 1)
	if got := k.mustAdmit(newPod("llama", 1)); got[0] != address(1) {
		t.Errorf("got %v", got)
	}
	if result := k.admit(t.Context(), newPod("other", 1)); result.Admit {
		t.Error("the unhealthy one was given away")
	}
}

func TestDeviceWithoutDataStaysAllocatable(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f)
	p.awaitReady()
	k.awaitCapacity(2, 2)
	lowest := k.lowest()
	h.set(0, "config", "") // no data, from now on
	p.awaitMetric(fmt.Sprintf(`nufi_deviceplugin_device_state{device="%s",hostname="npu-node-1",name="snx3_0",reason="NoData",resource="sapeon.com/snx3",state="Unknown",uuid="uuid-0"}`, address(0)), 1)
	if got := lowest(); got != 2 {
		t.Errorf("allocatable was as low as %d", got)
	}
	for i := range 2 {
		k.mustAdmit(newPod(fmt.Sprint("llama-", i), 1))
	}
}

func TestHotplugIsDetected(t *testing.T) {
	f, h := newFolder(t), newHost(t, 2)
	k := startKubelet(t, f)
	startPlugin(t, h, f).awaitReady()
	k.awaitCapacity(2, 2)
	h.plug(2, 1)
	k.awaitCapacity(3, 3)
	h.unplug(0)
	k.awaitCapacity(3, 2) // it is reported for a while, so that its failure can be read
}
