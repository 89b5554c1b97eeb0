package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

// Not parallel: the scripts, which are, count rollouts.
func TestWatchOfARolloutMissesNoChange(t *testing.T) { //nolint:paralleltest // as above
	h := harness.New(t)
	change := func(current *v1.TemplateRollout) {
		h.Patch(current.DeepCopy(), `{"spec": {"paused": true}}`)
	}
	remove := func(current *v1.TemplateRollout) { h.Delete(current.DeepCopy()) }
	for name, test := range map[string]struct {
		before, during func(*v1.TemplateRollout) // what happens before the watch has begun, and while it is open
		want           func(error) bool
	}{
		"changed before": {change, nil, func(err error) bool { return err == nil }},
		"deleted before": {remove, nil, apierrors.IsNotFound},
		"changed during": {nil, change, func(err error) bool { return err == nil }},
		"deleted during": {nil, remove, func(err error) bool { return errors.Is(err, errDeleted) }},
	} {
		t.Run(name, func(t *testing.T) {
			current := rollout.New("sha256:"+strings.Repeat("0", 64), 1, "")
			h.Create(current)
			defer func() { h.Must(client.IgnoreNotFound(h.Client.Delete(h.Context(), current))) }()
			version := current.ResourceVersion
			kube := interceptor.NewClient(h.Client, interceptor.Funcs{
				Watch: func(ctx context.Context, kube client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
					if test.before != nil {
						test.before(current)
					}
					return kube.Watch(ctx, list, options...)
				},
				Get: func(ctx context.Context, kube client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					err := kube.Get(ctx, key, object, options...)
					if test.during != nil {
						test.during(current)
					}
					return err
				},
			})
			ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
			defer cancel()
			err := awaitChange(ctx, kube, current)
			if !test.want(err) || err == nil && current.ResourceVersion == version {
				t.Errorf("the watch ends with %v at version %s", err, current.ResourceVersion)
			}
		})
	}
}
