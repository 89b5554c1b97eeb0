package status_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	"github.com/dudaji/nufi/internal/status"
)

// The seeds run with every `go test`; `go test -fuzz FuzzEvaluate` generates more.
func FuzzEvaluate(f *testing.F) {
	seeds := cases(f)
	for i := range seeds {
		f.Add(uint8(i), int64(i))
	}
	f.Fuzz(func(t *testing.T, index uint8, seed int64) {
		observed := parse(t, string(seeds[int(index)%len(seeds)].Input()))
		if observed.Workload.Deployment == nil {
			return
		}
		fill := randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(12).Funcs(
			func(text *string, random randfill.Continue) { *text = randomText(random) },
			func(quantity *resource.Quantity, random randfill.Continue) {
				*quantity = *resource.NewQuantity(random.Int63(), resource.BinarySI)
			},
			func(fields *metav1.FieldsV1, _ randfill.Continue) { *fields = metav1.FieldsV1{} },
		)
		for i := range observed.Workload.Pods {
			pod := &observed.Workload.Pods[i]
			labels := pod.Labels
			fill.Fill(&pod.Status)
			pod.Labels = labels
		}
		var warnings []corev1.Event
		fill.Fill(&warnings)
		observed.Workload.Warnings = append(observed.Workload.Warnings, warnings...)
		checkInvariants(t, observed, status.Evaluate(observed))
	})
}

// randomText prefers what the checks match, and text that a message must sanitize.
func randomText(random randfill.Continue) string {
	words := []string{
		"", "Running", "Pending", "Failed", "True", "False", "Ready", "PodScheduled", "Unhealthy", "FailedMount",
		"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "OOMKilled", "Error",
		"server", "llama-8b-new-a", "npu-1", "Startup probe failed: \x1b[31m", "Insufficient rebellions.ai/ATOM",
		"\x00\n\r\u202e\xff", "\x1b[", string(make([]byte, 5000)),
	}
	return words[random.Intn(len(words))]
}
