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
	for _, pod := range f.Pods() {
		if pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil {
			uids[pod.Name] = pod.UID
		}
	}
	return uids
}

// awaitReleased awaits the event that half of the devices of a group were released.
func (f fixture) awaitReleased(group string) {
	f.Helper()
	f.Await("an event", func() bool {
		var events corev1.EventList
		f.Must(f.Client.List(f.Context(), &events, client.InNamespace(f.Namespace)))
		for _, event := range events.Items {
			if event.Reason == "DevicesReleased" && strings.HasPrefix(event.Message, group+" holds 4 of its 8 nvidia.com/gpu since ") {
				return true
			}
		}
		return false
	})
}

// Two groups that hold half of the devices each would wait for each other for ever.
func TestDevicesOfAGroupWithoutRoomAreReleased(t *testing.T) {
	f := newFixture(t)
	f.addNodesWith("4", "a", "b")
	f.apply("")
	f.AwaitReady("web", "1/1")
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
	f.awaitReleased("group 1")

	f.addNodesWith("4", "d")
	f.AwaitReady("web", "2/2")
	after := f.placed()
	for name, uid := range before {
		if after[name] != uid {
			t.Errorf("pod %s of the other group was replaced", name)
		}
	}
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
}

// KubeRay creates evicted workers again in the same RayCluster, whose head stays. The cluster that serves is left alone.
func TestDevicesOfARayClusterWithoutRoomAreReleased(t *testing.T) {
	f := newFixture(t)
	f.addNodesWith("4", "a", "b")
	f.applyRay("")
	f.AwaitReady("web", "1/1")
	before := f.placed()
	f.applyRay(", env: [{name: A, value: b}]")
	f.Await("a second cluster", func() bool { return len(f.rayClusters()) == 2 && len(f.Pods()) == 6 })
	f.addNodesWith("4", "c")
	f.Await("its head and one of its workers to get a node", func() bool { return len(f.placed()) == 5 })
	half := f.placed()
	service := f.rayService()
	deploy := f.deploy()
	f.AwaitObject(deploy, "the devices that the cluster holds", func() bool {
		available := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionAvailable)
		return available != nil && available.Reason == v1.ReasonNoFreeDevice &&
			strings.Contains(available.Message, "; RayCluster "+service.Status.Pending.Name+" holds 4 of its 8 nvidia.com/gpu, which are released at ")
	})
	f.Apply(`
apiVersion: v1
kind: Pod
metadata: {name: waiting}
spec:
  nodeSelector: {test: NAMESPACE}
  containers: [{name: main, image: main, resources: {limits: {nvidia.com/gpu: 4}}}]
`)

	observing.ahead.Store(int64(31 * time.Minute))
	t.Cleanup(func() { observing.ahead.Store(0) })
	f.Patch(deploy, `{"spec":{"updates":"Automatic"}}`) // It is reconciled.
	f.Await("the pod that waited to get the devices", func() bool { return f.placed()["waiting"] != "" })
	observing.ahead.Store(0)
	f.awaitReleased("RayCluster " + service.Status.Pending.Name)
	f.Await("the workers to be created again", func() bool { return len(f.Pods()) == 7 })
	after := f.rayService()
	if after.Status.Active.Name != service.Status.Active.Name || after.Status.Pending.Name != service.Status.Pending.Name {
		t.Errorf("the clusters %+v became %+v", service.Status, after.Status)
	}
	for name, uid := range half {
		if isWorker := !strings.Contains(name, "-head-") && before[name] == ""; f.placed()[name] != uid && !isWorker {
			t.Errorf("pod %s, which serves or has no devices, was replaced", name)
		}
	}

	f.addNodesWith("4", "d", "e")
	f.AwaitReady("web", "1/1")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
}
