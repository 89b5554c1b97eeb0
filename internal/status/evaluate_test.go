package status_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/golden"
)

// Each file in testdata is one case: a description, the observations, and the conditions.
func TestEvaluateMatchesTestdata(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			c.Compare(t, format(status.Evaluate(parse(t, string(c.Input())))))
		})
	}
}

func cases(tb testing.TB) []golden.Case {
	tb.Helper()
	return golden.Cases(tb, "testdata/*.txtar", "conditions")
}

// format prints a status, and each message once.
func format(evaluated v1.NpuDeployStatus) string {
	var text strings.Builder
	for _, condition := range evaluated.Conditions {
		fmt.Fprintf(&text, "%s %s %s (generation %d, since %s)\n", condition.Type, condition.Status, condition.Reason,
			condition.ObservedGeneration, condition.LastTransitionTime.UTC().Format("15:04:05"))
		if message := "    " + condition.Message + "\n"; !strings.Contains(text.String(), message) {
			text.WriteString(message)
		}
	}
	fmt.Fprintf(&text, "%d pods, %d ready\n", evaluated.Replicas, evaluated.ReadyReplicas)
	if evaluated.Image != "" {
		text.WriteString("image " + evaluated.Image + "\n")
	}
	return text.String()
}
