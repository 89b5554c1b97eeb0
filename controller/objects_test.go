package controller

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// statusWriter calls a function before it responds to a patch.
type statusWriter struct {
	client.SubResourceWriter

	before     func()
	generation int64 // of the response
}

func (w statusWriter) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	w.before()
	object.SetResourceVersion("20")
	object.SetGeneration(w.generation)
	return nil
}

// reader has one object.
type reader struct {
	client.Reader

	object *v1.NpuDeploy
}

func (r *reader) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	*into.(*v1.NpuDeploy) = *r.object
	return nil
}

func TestPatchIsKeptUntilTheInformerHasIt(t *testing.T) {
	t.Parallel()
	version := func(resourceVersion string) *v1.NpuDeploy {
		return &v1.NpuDeploy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "a", ResourceVersion: resourceVersion},
			Status:     v1.NpuDeployStatus{Image: resourceVersion},
		}
	}
	for name, isInformed := range map[string]bool{"event before the response": true, "event after it": false} {
		informer := &reader{object: version("10")}
		deploys := newObjects[*v1.NpuDeploy](deployStatus{}, informer, statusWriter{before: func() {
			if isInformed {
				informer.object = version("20")
			}
		}})
		if changed, err := deploys.patch(t.Context(), version("10"), version("")); !changed || err != nil {
			t.Fatal(changed, err)
		}
		if !isInformed {
			if got := deploys.newest(informer.object); got.ResourceVersion != "20" {
				t.Errorf("%s: version %s is the newest one", name, got.ResourceVersion)
			}
			r := &reconciler[*v1.NpuDeploy]{objects: deploys}
			r.ownerChanged().Update(event.UpdateEvent{ObjectOld: version("10"), ObjectNew: version("20")})
		}
		if kept := len(deploys.written.byName); kept > 0 {
			t.Errorf("%s: %d patches are kept", name, kept)
		}
	}
}

// The response to a first status has no spec: that of the informer is the same only in the same generation.
func TestFirstStatusIsKeptIfTheSpecIsTheSame(t *testing.T) {
	t.Parallel()
	for generation, want := range map[int64]string{1: "20", 2: "10"} {
		cached := &v1.NpuDeploy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "a", ResourceVersion: "10", Generation: 1},
			Spec:       v1.NpuDeploySpec{Model: "org/model"},
		}
		deploys := newObjects[*v1.NpuDeploy](deployStatus{}, &reader{object: cached}, statusWriter{generation: generation, before: func() {}})
		after := deployStatus{}.statusOnly(cached)
		after.Status.Image = "image"
		if changed, err := deploys.patch(t.Context(), deployStatus{}.statusOnly(cached), after); !changed || err != nil {
			t.Fatal(changed, err)
		}
		got := deploys.newest(cached)
		if got.ResourceVersion != want || got.Spec.Model != "org/model" || (got.Status.Image == "image") != (want == "20") {
			t.Errorf("after a response of generation %d: %+v", generation, got)
		}
	}
}

func TestEventOfAPatchBeforeItsResponseIsNoOthersStatus(t *testing.T) {
	t.Parallel()
	version := func(resourceVersion, image string) *v1.NpuDeploy {
		return &v1.NpuDeploy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "a", ResourceVersion: resourceVersion},
			Status:     v1.NpuDeployStatus{Image: image},
		}
	}
	cached := version("10", "")
	var deploys *objects[*v1.NpuDeploy]
	deploys = newObjects[*v1.NpuDeploy](deployStatus{}, &reader{object: cached}, statusWriter{before: func() {
		if deploys.isOthersStatus(cached, version("20", "ours")) {
			t.Error("our own status is another client's")
		}
		if !deploys.isOthersStatus(cached, version("15", "theirs")) {
			t.Error("another client's status is ours")
		}
	}})
	if changed, err := deploys.patch(t.Context(), deployStatus{}.statusOnly(cached), version("", "ours")); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if deploys.isOthersStatus(cached, version("20", "ours")) || !deploys.isOthersStatus(version("20", "ours"), version("30", "")) {
		t.Error("after the response, the patch is another client's, or another client's status is ours")
	}
}
