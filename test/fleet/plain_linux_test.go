package fleet

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/render"
)

// each does something for every number, as many at a time as there are writers.
func (f *fleet) each(do func(ctx context.Context, i int) error) {
	f.Helper()
	group, ctx := errgroup.WithContext(f.Context())
	group.SetLimit(writers)
	for i := range *size {
		group.Go(func() error { return do(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		f.Fatal(err)
	}
}

// applyPlainly server-side applies the objects of a fleet and does nothing else. It
// returns the rate, in NpuDeploys per second.
func (f *fleet) applyPlainly() float64 {
	f.Helper()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		f.Fatal(err)
	}
	results := make([]*render.Result, *size)
	f.each(func(_ context.Context, i int) (err error) {
		results[i], err = set.Render(deploy(plain, i), render.Facts{})
		return err
	})
	start := time.Now()
	f.each(func(ctx context.Context, i int) error {
		for _, object := range results[i].Objects {
			if err := f.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("plain")); err != nil {
				return err
			}
		}
		return nil
	})
	rate := float64(*size) / time.Since(start).Seconds()
	if got := len(results[0].Objects); got != children {
		f.Fatalf("%d children of each, want %d", got, children)
	}
	f.await("the controller-manager to catch up", func() bool {
		var pods corev1.PodList
		if err := f.client.List(f.Context(), &pods, client.InNamespace(plain)); err != nil {
			f.Fatal(err)
		}
		return len(pods.Items) == *size
	})
	return rate
}
