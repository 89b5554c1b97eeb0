package fleet

import (
	"context"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
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

// applyPlainly server-side applies the objects of a fleet and does nothing else.
func (f *fleet) applyPlainly() rates {
	f.Helper()
	set, err := render.Compile(os.DirFS(f.templates))
	if err != nil {
		f.Fatal(err)
	}
	results := make([]*render.Result, *size)
	f.each(func(_ context.Context, i int) (err error) {
		if results[i], err = set.Render(deploy(plain, i), render.Facts{}); err != nil {
			return err
		}
		for _, object := range results[i].Objects { // Or the controller would watch these pods too.
			unstructured.RemoveNestedField(object.Object, "spec", "template", "metadata", "labels", apply.LabelManagedBy)
		}
		return nil
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
	written := time.Since(start)
	if got := len(results[0].Objects); got != children {
		f.Fatalf("%d children of each, want %d", got, children)
	}
	return rates{written: perSecond(written), settled: perSecond(written + f.awaitPods(plain))}
}

// rates are in NpuDeploys per second.
type rates struct {
	written float64 // until the last child was written
	settled float64 // until the controller-manager has made of them what it does
}

func perSecond(took time.Duration) float64 { return float64(*size) / took.Seconds() }

// awaitPods waits for the controller-manager to catch up, and returns how long it took.
func (f *fleet) awaitPods(namespace string) time.Duration {
	f.Helper()
	return f.await("the controller-manager to catch up", func() bool {
		var pods corev1.PodList
		if err := f.client.List(f.Context(), &pods, client.InNamespace(namespace)); err != nil {
			f.Fatal(err)
		}
		return len(pods.Items) == *size
	})
}
