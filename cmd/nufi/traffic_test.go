package main

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

// The controller writes the status at any time, for example after the previous change of a user.
func TestSpecIsWrittenAfterAChangeOfTheStatusOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(h *harness.Harness, deploy *v1.NpuDeploy)
		want      func(error) bool
	}{
		"status": {func(h *harness.Harness, deploy *v1.NpuDeploy) {
			h.Get(deploy)
			deploy.Status.Replicas++
			h.Must(h.Client.Status().Update(h.Context(), deploy))
		}, func(err error) bool { return err == nil }},
		"labels": {func(h *harness.Harness, deploy *v1.NpuDeploy) {
			h.Patch(deploy, `{"metadata": {"labels": {"team": "search"}}}`)
		}, func(err error) bool { return err == nil }},
		"spec": {func(h *harness.Harness, deploy *v1.NpuDeploy) {
			h.Patch(deploy, `{"spec": {"model": "org/other"}}`)
		}, apierrors.IsConflict},
		"created anew": {func(h *harness.Harness, deploy *v1.NpuDeploy) {
			h.Delete(deploy)
			again := h.NpuDeploy(deploy.Name)
			again.Spec = v1.NpuDeploySpec{Model: "org/other", Endpoint: &v1.Endpoint{Host: "chat.example.com"}}
			h.Create(again)
		}, apierrors.IsConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := harness.New(t)
			deploy := &v1.NpuDeploy{
				ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "chat"},
				Spec:       v1.NpuDeploySpec{Model: "org/name", Endpoint: &v1.Endpoint{Host: "chat.example.com"}},
			}
			h.Create(deploy)
			calls := 0
			err := (&trafficOptions{}).change(h.Context(), h.Client, deploy, func(_ context.Context, _ client.Client, read *v1.NpuDeploy) error {
				if calls++; calls == 1 {
					test.meanwhile(h, h.NpuDeploy("chat"))
				}
				trafficOf(read).Backends = []v1.TrafficBackend{{Name: "chat", Weight: 7}}
				return nil
			})
			if !test.want(err) {
				t.Errorf("after %d calls: %v", calls, err)
			}
			stored := h.NpuDeploy("chat")
			h.Get(stored)
			if written := stored.Spec.Endpoint.Traffic != nil; written != (err == nil) {
				t.Errorf("error %v, written %t", err, written)
			}
		})
	}
}
