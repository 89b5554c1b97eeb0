package report

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
)

func TestSummarize(t *testing.T) {
	healthy := device("a", health.Healthy, true, "Answering", "every check passed")
	suspect := device("b", health.Suspect, true, "AttributeBad", `status is "3"`)
	withoutData := device("c", health.Unknown, true, "NoData", "there is no attribute status")
	notProbed := device("d", health.Unknown, false, "NotProbed", "the device was not probed yet")
	unhealthy := device("e", health.Unhealthy, false, "DeviceNodeMissing", "/dev/e does not exist")
	recovering := device("f", health.Recovering, false, "Answering", "every check passed")
	for name, c := range map[string]struct {
		entries []inventory.Entry
		want    Summary
	}{
		"all are healthy": {[]inventory.Entry{healthy, healthy},
			Summary{corev1.ConditionTrue, "DevicesAvailable", "all 2 devices of sapeon.com/snx3 are available"}},
		"a suspect device is available": {[]inventory.Entry{healthy, suspect},
			Summary{corev1.ConditionTrue, "DevicesAvailable", "all 2 devices of sapeon.com/snx3 are available"}},
		"one has no data": {[]inventory.Entry{healthy, withoutData},
			Summary{corev1.ConditionUnknown, "DevicesSilent", "1 of 2 devices of sapeon.com/snx3 give no data: c is Unknown: NoData: there is no attribute status"}},
		"one is unhealthy and one has no data": {[]inventory.Entry{withoutData, unhealthy},
			Summary{corev1.ConditionFalse, "DevicesUnavailable", "1 of 2 devices of sapeon.com/snx3 are not available: e is Unhealthy: DeviceNodeMissing: /dev/e does not exist"}},
		"one recovers and one was not probed": {[]inventory.Entry{healthy, notProbed, recovering},
			Summary{corev1.ConditionFalse, "DevicesUnavailable", "2 of 3 devices of sapeon.com/snx3 are not available: d is Unknown: NotProbed: the device was not probed yet; f is Recovering: Answering: every check passed"}},
		"no device": {nil,
			Summary{corev1.ConditionUnknown, "NoDevices", "no device of sapeon.com/snx3 is left on this node"}},
	} {
		if diff := cmp.Diff(c.want, Summarize("sapeon.com/snx3", c.entries)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestSummarizeBoundsTheMessage(t *testing.T) {
	var entries []inventory.Entry
	for i := range 64 {
		entries = append(entries, device(strconv.Itoa(i), health.Unhealthy, false, "DeviceNodeMissing", strings.Repeat("ü", 50)))
	}
	got := Summarize("sapeon.com/snx3", entries).Message
	if len(got) > maxMessage || !strings.HasPrefix(got, "64 of 64") || strings.ToValidUTF8(got, "") != got {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestEventDescribesTheTransition(t *testing.T) {
	e := NewEvents(nil, "npu-node-1", "sapeon.com/snx3", clock.RealClock{})
	got := e.event(transition(health.Suspect, health.Unhealthy))
	want := []string{"Warning", "DeviceUnhealthy",
		"device 0000:3b:00.0 of sapeon.com/snx3 went from Suspect to Unhealthy: DeviceNodeMissing: /dev/snx3_0 does not exist",
		"Node", "npu-node-1", "default"}
	if diff := cmp.Diff(want, []string{got.Type, got.Reason, got.Message, got.InvolvedObject.Kind, got.InvolvedObject.Name, got.Namespace}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := e.event(transition(health.Recovering, health.Healthy)); got.Type != "Normal" || got.Reason != "DeviceHealthy" {
		t.Errorf("a recovery is a %s %s", got.Type, got.Reason)
	}
}

func TestEventNameIsStable(t *testing.T) {
	e := NewEvents(nil, "npu-node-1", "sapeon.com/snx3", clock.RealClock{})
	a, b := transition(health.Suspect, health.Unhealthy), transition(health.Suspect, health.Unhealthy)
	if e.name(a) != e.name(b) {
		t.Error("a post that is tried again makes another event")
	}
	b.At = b.At.Add(time.Nanosecond)
	if e.name(a) == e.name(b) {
		t.Error("a later transition is missing")
	}
}

func TestNotifyNeverBlocks(t *testing.T) {
	e := NewEvents(nil, "npu-node-1", "sapeon.com/snx3", clock.RealClock{})
	e.Notify(inventory.Transition{First: true, From: health.Unknown, To: health.Healthy})
	if len(e.queue) != 0 {
		t.Error("a new healthy device causes an event")
	}
	for i := range maxQueue + 10 {
		change := transition(health.Healthy, health.Suspect)
		change.Device.ID = strconv.Itoa(i)
		e.Notify(change)
	}
	if len(e.queue) != maxQueue {
		t.Errorf("%d are queued", len(e.queue))
	}
}

func TestDeviceThatFlapsHasFewEvents(t *testing.T) {
	e := NewEvents(nil, "npu-node-1", "sapeon.com/snx3", clock.RealClock{})
	change := transition(health.Recovering, health.Unhealthy)
	for range 7200 { // an hour of probes
		e.Notify(change)
		change.At = change.At.Add(500 * time.Millisecond)
	}
	if got := len(e.queue); got < eventBurst+55 || got > eventBurst+60 {
		t.Errorf("%d events in an hour", got)
	}
	other := change
	other.Device.ID = "0000:5e:00.0"
	if before := len(e.queue); !e.permits(other) {
		t.Errorf("another device has no event after %d", before)
	}
}

// Devices that flap change the condition's message all the time.
func TestDevicesThatFlapCauseFewWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &nodeAPI{}
		api, err := NewAPI(&rest.Config{Host: "http://api", Transport: node})
		if err != nil {
			t.Fatal(err)
		}
		devices := inventorytest.New()
		condition := Condition{API: api, Node: "npu-node-1", Type: "X330Healthy", Resource: "sapeon.com/snx3", Devices: devices, Clock: clock.RealClock{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			for {
				devices.Set(device("a", health.Unhealthy, false, "DeviceNodeMissing", "/dev/a does not exist"))
				select {
				case <-ctx.Done():
					return
				case <-time.After(500 * time.Millisecond):
				}
			}
		}()
		if err := condition.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if node.patches < 350 || node.patches > 400 {
			t.Errorf("%d writes in an hour", node.patches)
		}
	})
}

// nodeAPI answers with an empty node, and counts the patches.
type nodeAPI struct{ patches int }

func (n *nodeAPI) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPatch {
		n.patches++
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: request,
		Body: io.NopCloser(strings.NewReader(`{"kind":"Node","apiVersion":"v1"}`)),
	}, nil
}

func transition(from, to health.State) inventory.Transition {
	return inventory.Transition{
		Device: discovery.Device{ID: "0000:3b:00.0"}, From: from, To: to,
		Reason: health.Reason{Code: "DeviceNodeMissing", Message: "/dev/snx3_0 does not exist"}, At: time.Unix(1, 2),
	}
}

func device(id string, state health.State, offered bool, code, message string) inventory.Entry {
	return inventory.Entry{
		Device: discovery.Device{ID: id},
		Health: health.Status{State: state, Offered: offered, Reason: health.Reason{Code: code, Message: message}},
	}
}
