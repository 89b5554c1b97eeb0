package controller

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// statusWriter calls a function before it responds to a patch.
type statusWriter struct {
	client.SubResourceWriter

	before func()
}

func (w statusWriter) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	w.before()
	object.SetResourceVersion("20")
	return nil
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
	deploys = newObjects[*v1.NpuDeploy](deployStatus{}, nil, statusWriter{before: func() {
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
