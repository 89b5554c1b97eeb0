package status_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/status"
)

func TestWorkloadOfKueueSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	// As recorded with Kueue 0.19.2, which sets no condition Admitted while a check is not ready.
	const recorded = `
status:
  admissionChecks:
  - {name: budget, state: Pending, message: "", lastTransitionTime: "2026-03-01T12:00:00Z"}
  conditions:
  - {type: QuotaReserved, status: "True", reason: QuotaReserved, message: Quota reserved in ClusterQueue gpus}
  - {type: PodsReady, status: "False", reason: WaitForStart, message: Not all pods are ready or succeeded}
`
	for name, c := range map[string]struct {
		edit []string
		want string
	}{
		"a check":                {nil, "quota is reserved; waits for admission check budget"},
		"a check with a message": {[]string{`message: ""`, "message: asks finance"}, "quota is reserved; waits for admission check budget: asks finance"},
		"the second check":       {[]string{"  - {name: budget", "  - {name: nodes, state: Ready}\n  - {name: budget"}, "quota is reserved; waits for admission check budget"},
		"no check left":          {[]string{"state: Pending", "state: Ready"}, ""},
		"no quota":               {[]string{`"True", reason: QuotaReserved, message: Quota reserved in ClusterQueue gpus`, `"False", reason: Pending, message: 1 more needed`}, "1 more needed"},
		"admitted":               {[]string{"type: PodsReady, status: \"False\"", "type: Admitted, status: \"True\""}, ""},
		"not acted on":           {[]string{recorded, "status: {}"}, ""},
	} {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(strings.NewReplacer(c.edit...).Replace(recorded)), &object.Object); err != nil {
			t.Fatal(err)
		}
		workload, err := status.NewQueuedWorkload(object)
		if err != nil {
			t.Fatal(err)
		}
		if got := workload.Pending(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
