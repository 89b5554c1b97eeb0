package fleet

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// virtualService is the kind of the last object of each NpuDeploy.
var virtualService = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}

// pollInterval is the resolution of the latencies.
const pollInterval = 5 * time.Millisecond

// setPort changes the port of an NpuDeploy's Service.
func (f *fleet) setPort(ctx context.Context, deploy client.Object, port int) error {
	patch := fmt.Sprintf(`{"spec":{"service":{"port":%d}}}`, port)
	return f.Client.Patch(ctx, deploy, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// measureChanges reports how long it takes until the Service of a changed NpuDeploy is changed.
func (f *fleet) measureChanges(b *testing.B) {
	b.Helper()
	var took []time.Duration
	for i := range changes {
		deploy := f.deploy(i * *size / changes)
		start := time.Now()
		f.Must(f.setPort(f.Context(), deploy, 9000))
		f.awaitPort(deploy.Namespace, deploy.Name, 9000)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	report(b, "change-p50-ms", float64(took[changes/2].Milliseconds()))
	report(b, "change-max-ms", float64(took[changes-1].Milliseconds()))
}

func (f *fleet) awaitPort(namespace, name string, port int32) {
	f.Helper()
	f.awaitEvery(pollInterval, "the port of "+name, func() bool {
		var service corev1.Service
		err := f.Client.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &service)
		return err == nil && service.Spec.Ports[0].Port == port
	})
}

// measureRestart replaces the controller and reports how long a new NpuDeploy takes, how long it takes until
// the controller is quiet, and how much more than the new NpuDeploy it writes.
func (f *fleet) measureRestart(b *testing.B) {
	b.Helper()
	f.settle()
	f.process.stop()
	f.launch()
	start := time.Now()
	deploy := f.deploy(*size)
	f.Create(deploy)
	f.awaitPort(deploy.Namespace, deploy.Name, 80)
	report(b, "restart-first-s", time.Since(start).Seconds())
	all := float64(*size * children)
	f.await("all objects to be compared", func() bool { return f.metric("nufi_applies_total", "") >= all })
	report(b, "restart-s", time.Since(start).Seconds())
	f.settle()
	report(b, "restart-writes", f.writes()-children-1)
	report(b, "restart-cpu-s", f.process.cpu().Seconds())
	f.Delete(deploy)
	f.settle()
}

// changeAllTheTime changes one NpuDeploy about a hundred times per second until stop is called.
func (f *fleet) changeAllTheTime() (stop func()) {
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			_ = f.setPort(ctx, f.deploy(0), 9000+i%2) // The benchmark ends meanwhile.
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// measureNeighbour returns how long the last object of an NpuDeploy in another namespace takes.
func (f *fleet) measureNeighbour() time.Duration {
	f.Helper()
	namespace := f.Namespace + "-quiet"
	f.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	deploy := f.deploy(*size)
	deploy.Namespace = namespace
	start := time.Now()
	f.Create(deploy)
	f.awaitEvery(pollInterval, "the neighbour's route", func() bool {
		route := f.Object(virtualService, deploy.Name)
		route.SetNamespace(namespace)
		return f.Client.Get(f.Context(), client.ObjectKeyFromObject(route), route) == nil
	})
	return time.Since(start)
}
