package fleet

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/cputime"
)

// each calls a function for every NpuDeploy, with as many calls at a time as writers.
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

// measurePlain server-side applies the objects of a fleet, and does nothing else. It has a
// control plane of its own: on a used one, the API server and the controller-manager are
// slower by a third.
func measurePlain(b *testing.B) rates {
	b.Helper()
	f := newFleet(b)
	defer f.stop()
	written, cpu := f.createPlain()
	settled := written + f.awaitPods()
	sets := f.renderAll() // Those that were applied have what the API server returned.
	for _, set := range sets {
		for _, object := range set {
			object.SetAnnotations(map[string]string{"note": "new"})
		}
	}
	start := time.Now()
	f.applyAll(sets)
	return rates{
		written: perSecond(written), settled: perSecond(settled), changed: perSecond(time.Since(start)),
		cpu: cpu.Seconds() * 1000 / float64(*size),
	}
}

// createPlain applies the objects of all NpuDeploys, and returns how long it took, and the client's CPU.
func (f *fleet) createPlain() (took, cpu time.Duration) {
	f.Helper()
	sets := f.renderAll()
	start, before := time.Now(), cputime.Self(f.TB)
	f.applyAll(sets)
	return time.Since(start), cputime.Self(f.TB) - before
}

func (f *fleet) applyAll(sets [][]*unstructured.Unstructured) {
	f.Helper()
	f.each(func(ctx context.Context, i int) error {
		for _, object := range sets[i] {
			if err := f.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("plain")); err != nil {
				return err
			}
		}
		return nil
	})
}

// renderAll returns the objects of all NpuDeploys.
func (f *fleet) renderAll() [][]*unstructured.Unstructured {
	f.Helper()
	set, err := render.Compile(os.DirFS(f.templates))
	if err != nil {
		f.Fatal(err)
	}
	sets := make([][]*unstructured.Unstructured, *size)
	f.each(func(_ context.Context, i int) error {
		result, err := set.Render(f.deploy(i), render.ProjectSettings{})
		if err != nil {
			return err
		}
		sets[i] = result.Objects
		return nil
	})
	if got := len(sets[0]); got != children {
		f.Fatalf("%d children of each, want %d", got, children)
	}
	return sets
}

// rates are in NpuDeploys per second.
type rates struct {
	written float64 // until the last child was written
	settled float64 // until the controller-manager has created the pods
	changed float64 // until an annotation of each child was changed
	cpu     float64 // of the client, in ms for each NpuDeploy
}

func (r rates) mean(other rates) rates {
	return rates{
		written: (r.written + other.written) / 2, settled: (r.settled + other.settled) / 2,
		changed: (r.changed + other.changed) / 2, cpu: (r.cpu + other.cpu) / 2,
	}
}

func perSecond(took time.Duration) float64 { return float64(*size) / took.Seconds() }

// awaitPods waits for the controller-manager to catch up, and returns how long it took.
func (f *fleet) awaitPods() time.Duration {
	f.Helper()
	return f.await("the controller-manager to catch up", func() bool {
		var pods corev1.PodList
		if err := f.Client.List(f.Context(), &pods, client.InNamespace(f.Namespace)); err != nil {
			f.Fatal(err)
		}
		return len(pods.Items) >= *size
	})
}
