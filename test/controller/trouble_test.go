package controller_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestObjectsThatAQuotaRejectsAreCreatedOnceItAllows(t *testing.T) {
	f := newFixture(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "objects"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			"count/services": resource.MustParse("0"), "count/deployments.apps": resource.MustParse("0"),
		}},
	}
	f.Create(quota)
	f.AwaitObject(quota, "its status", func() bool { return len(quota.Status.Hard) == 2 })
	f.Apply(manifest)
	applied := f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonRejected)
	for _, want := range []string{"Service web: ", "Deployment web: ", "exceeded quota: objects"} {
		if !strings.Contains(applied.Message, want) {
			t.Errorf("the message has no %q: %s", want, applied.Message)
		}
	}
	if f.Find(virtualService, "web") == nil {
		t.Error("the objects that the quota allows were not applied")
	}
	f.Patch(quota, `{"spec":{"hard":{"count/services":"1","count/deployments.apps":"1"}}}`)
	f.settle()
}

// The namespace's controller deletes what the controller would create again.
func TestTerminatingNamespaceIsNotChanged(t *testing.T) {
	f := newReady(t)
	f.Patch(f.Find(service, "web"), `{"metadata":{"finalizers":["example.com/hold"]}}`)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}}
	f.Delete(namespace)
	f.AwaitGone(f.NpuDeploy("web"))
	f.AwaitGone(f.Object(deployment, "web"))
	f.AwaitQuiet(f.Harness, f.Namespace, soon)
	f.Patch(f.Find(service, "web"), `{"metadata":{"finalizers":null}}`)
	f.AwaitGone(namespace)
}

// A client edits one spec 100 times per second. Meanwhile another becomes ready, and then the last edit is
// applied.
func TestEditsOfOneSpecDoNotDelayOthers(t *testing.T) {
	f := newReady(t)
	config := f.Config()
	config.QPS = -1
	editor := f.ClientFor(config)
	var isDone atomic.Bool
	ended := make(chan int)
	go func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		edits := 0
		for web := f.NpuDeploy("web"); !isDone.Load() || edits < 100; <-ticker.C {
			edits++
			patch := fmt.Sprintf(`{"spec":{"service":{"annotations":{"edit":"%d"}}}}`, edits)
			if err := editor.Patch(t.Context(), web, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
				t.Errorf("edit %d: %v", edits, err)
				break
			}
		}
		ended <- edits
	}()
	f.Apply(replace("name: web}", "name: other}", "host: web.", "host: other."))
	f.AwaitCondition(f.NpuDeploy("other"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	isDone.Store(true)
	edits := <-ended
	f.Await("the last edit", func() bool {
		return f.Find(service, "web").GetAnnotations()["edit"] == strconv.Itoa(edits)
	})
	f.settle()
}
