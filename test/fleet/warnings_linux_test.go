package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// BenchmarkWarnings compares two ways to read the warnings of many pods, one for each: all at once, as an
// informer does before its watch, and by one list for each pod.
func BenchmarkWarnings(b *testing.B) {
	for b.Loop() {
		f := newFleet(b)
		f.each(func(ctx context.Context, i int) error {
			name := fmt.Sprintf("pod-%d", i)
			return f.Client.Create(ctx, &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: name}, Type: corev1.EventTypeWarning, Reason: "FailedScheduling",
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: f.Namespace, Name: name},
				Message:        "0/3 nodes are available: 3 Insufficient rebellions.ai/npu.", LastTimestamp: metav1.Now(),
			})
		})
		warnings := fields.Set{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"}
		list := func(ctx context.Context, want int, of fields.Set) error {
			var events corev1.EventList
			err := f.Client.List(ctx, &events, client.InNamespace(f.Namespace), client.MatchingFieldsSelector{Selector: of.AsSelector()})
			if err == nil && len(events.Items) != want {
				err = fmt.Errorf("listed %d events, want %d", len(events.Items), want)
			}
			return err
		}
		start := time.Now()
		f.Must(list(f.Context(), *size, warnings))
		b.ReportMetric(time.Since(start).Seconds()*1000, "ms-all")
		start = time.Now()
		f.each(func(ctx context.Context, i int) error {
			return list(ctx, 1, fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": fmt.Sprintf("pod-%d", i)})
		})
		b.ReportMetric(time.Since(start).Seconds()*1000, "ms-each")
		f.stop()
		b.ReportMetric(0, "ns/op")
	}
}
