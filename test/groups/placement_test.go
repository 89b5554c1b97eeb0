package groups_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// aheadClock is the real clock, set forward.
type aheadClock struct {
	clock.RealClock
	ahead atomic.Int64
}

func (c *aheadClock) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.ahead.Load())) }

func (c *aheadClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// observing is the clock of the shared controller.
var observing = &aheadClock{}

func options() (controller.Options, error) { return controller.Options{Clock: observing}, nil }

// placed returns the UIDs of the pods with a node, by name.
func (f fixture) placed() map[string]types.UID {
	f.Helper()
	uids := map[string]types.UID{}
	for _, pod := range f.pods() {
		if pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil {
			uids[pod.Name] = pod.UID
		}
	}
	return uids
}

// Two groups that hold half of the devices each would wait for each other for ever.
func TestDevicesOfAGroupWithoutRoomAreReleased(t *testing.T) {
	f := newFixture(t)
	f.addNodesWith("4", "a", "b")
	f.apply("")
	f.awaitReady("1/1")
	before := f.placed()
	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=2")
	f.addNodesWith("4", "c")
	var half types.UID
	f.Await("one pod of the second group to get a node", func() bool {
		placed := f.placed()
		half = placed["web-lws-1"] + placed["web-lws-1-1"]
		return half != "" && len(placed) == 3
	})
	deploy := f.deploy()
	f.AwaitObject(deploy, "the devices that the group holds", func() bool {
		available := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionAvailable)
		return available != nil && available.Reason == v1.ReasonNoFreeDevice &&
			strings.Contains(available.Message, "; group 1 holds 4 of its 8 nvidia.com/gpu, which are released at ")
	})

	observing.ahead.Store(int64(31 * time.Minute))
	t.Cleanup(func() { observing.ahead.Store(0) })
	f.Patch(deploy, `{"spec":{"updates":"Automatic"}}`) // It is reconciled.
	f.Await("the pod to be evicted", func() bool {
		placed := f.placed()
		return placed["web-lws-1"] != half && placed["web-lws-1-1"] != half
	})
	observing.ahead.Store(0)
	f.Await("an event", func() bool {
		var events corev1.EventList
		f.Must(f.Client.List(t.Context(), &events, client.InNamespace(f.Namespace)))
		for _, event := range events.Items {
			if event.Reason == "DevicesReleased" && strings.HasPrefix(event.Message, "group 1 holds 4 of its 8 nvidia.com/gpu since ") {
				return true
			}
		}
		return false
	})

	f.addNodesWith("4", "d")
	f.awaitReady("2/2")
	after := f.placed()
	for name, uid := range before {
		if after[name] != uid {
			t.Errorf("pod %s of the other group was replaced", name)
		}
	}
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
}
