package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// warnAbout makes admission warn about every NpuDeploy of the fixture's namespace.
func (s *fixture) warnAbout(message string) {
	s.Helper()
	policy := fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [dudaji.com], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [npudeploys]}]
  validations: [{expression: "false", message: %[2]q}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Warn]}
`, s.Namespace, message)
	kubectl(s, policy, "create", "-f", "-")
}

func TestWritesPassOnKubernetesWarnings(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.warnAbout(`say "please"`)
	const want = `299 - "Validation failed for ValidatingAdmissionPolicy '%[1]s' with binding '%[1]s': say \"please\""`
	warning := fmt.Sprintf(want, s.Namespace)
	s.Await("the policy", func() bool {
		return s.do("ann", http.MethodPost, "?dryRun=All", deployJSON("a")).Header.Get("Warning") != ""
	})
	for name, got := range map[string][]string{
		"create":  s.do("ann", http.MethodPost, "", deployJSON("a")).Want(http.StatusCreated).Header.Values("Warning"),
		"preview": s.do("ann", http.MethodPost, s.previewPath(), deployJSON("b")).Want(http.StatusOK).Header.Values("Warning"),
	} {
		if !slices.Equal(got, []string{warning}) {
			t.Errorf("%s warns %q, want %q", name, got, warning)
		}
	}
	if got := s.do("ann", http.MethodGet, "a", "").Want(http.StatusOK).Header.Values("Warning"); len(got) > 0 {
		t.Errorf("a read warns %q", got)
	}
}
