package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func (s *fixture) previewPath() string { return "/api/v1/namespaces/" + s.Namespace + "/preview" }

func (s *fixture) preview(body string) map[string]any {
	s.Helper()
	return s.do("ann", http.MethodPost, s.previewPath(), body).Want(http.StatusOK).JSON()
}

// effectsOf returns the effects of a preview's changes, by object.
func effectsOf(response map[string]any) map[string]string {
	found := map[string]string{}
	for _, change := range response["changes"].([]any) {
		change := change.(map[string]any)
		found[change["object"].(string)] = change["effect"].(string)
	}
	return found
}

func TestPreviewOfANewNpuDeployHasAllManifestsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	response := s.preview(deployJSON("a"))
	var kinds []string
	for _, manifest := range response["manifests"].([]any) {
		kinds = append(kinds, manifest.(map[string]any)["kind"].(string))
	}
	for _, kind := range []string{"Deployment", "Service", "ServiceAccount"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if len(effectsOf(response)) != len(kinds) || !strings.HasPrefix(response["templates"].(string), "sha256:") || response["sources"] != nil {
		t.Errorf("the changes are %v, by %v", effectsOf(response), response["templates"])
	}
	s.do("ann", http.MethodGet, "a", "").Want(http.StatusNotFound)
}

func TestPreviewReportsTheEffect(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusOK)
	if response := s.preview(deployJSON("a")); response["effect"] != "None" || len(effectsOf(response)) != 0 {
		t.Errorf("the same spec: %v", effectsOf(response))
	}
	other := strings.Replace(deployJSON("a"), "org/model", "org/other", 1)
	response := s.preview(other)
	if response["effect"] != "Restart" || effectsOf(response)["deployment/a"] != "Restart" {
		t.Errorf("another model: %v", effectsOf(response))
	}
	diff := response["changes"].([]any)[0].(map[string]any)["diff"].(string)
	if !strings.Contains(diff, "-        - --model=org/model") && !strings.Contains(diff, "org/other") {
		t.Errorf("the diff is %s", diff)
	}
	scaled := s.preview(strings.Replace(deployJSON("a"), `"spec": {`, `"spec": {"inferenceServer": {"replicas": 2}, `, 1))
	if scaled["effect"] != "InPlace" {
		t.Errorf("another number: %v", effectsOf(scaled))
	}
	gone := strings.Replace(deployJSON("a"), `"spec": {`, `"spec": {"endpoint": {"host": "a.example.com"}, `, 1)
	s.do("ann", http.MethodPut, "a", gone, "If-Match", "*").Want(http.StatusOK)
	if response := s.preview(deployJSON("a")); response["effect"] != "Delete" {
		t.Errorf("without an endpoint: %v", effectsOf(response))
	}
}

// A backend without a ready pod gets no share, as in the live route.
func TestPreviewHasTheReportedStatesOfBackends(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const spec = `{"metadata": {"name": "a"}, "spec": {"model": "org/MODEL", "accelerator": {"type": "atom", "count": 2},
		"endpoint": {"host": "a.example", "kind": "VirtualService", "traffic": {"backends": [{"name": "b", "weight": 20}]}}}}`
	s.do("ann", http.MethodPost, "", strings.Replace(spec, "MODEL", "model", 1)).Want(http.StatusCreated)
	deploy := s.NpuDeploy("a")
	before := deploy.DeepCopy()
	deploy.Status.Traffic = []v1.TrafficStatus{{Name: "a", Weight: 80, State: v1.BackendReady}, {Name: "b", State: v1.BackendMissing}}
	s.Must(s.Client.Status().Patch(s.Context(), deploy, client.MergeFrom(before)))
	for model, want := range map[string]string{"model": "None", "other": "Restart"} {
		response := s.preview(strings.Replace(spec, "MODEL", model, 1))
		if _, changed := effectsOf(response)["virtualservice/a"]; response["effect"] != want || changed {
			t.Errorf("model %s: effect %v of %v", model, response["effect"], effectsOf(response))
		}
		if text := fmt.Sprint(response["manifests"]); strings.Contains(text, "b."+s.Namespace) {
			t.Errorf("model %s: the route has the missing backend: %s", model, text)
		}
	}
}

func TestPreviewReportsSources(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	response := s.do("ann", http.MethodPost, s.previewPath()+"?sources=true", deployJSON("a")).Want(http.StatusOK).JSON()
	by := map[string]bool{}
	for _, source := range response["sources"].([]any) {
		for _, decided := range source.(map[string]any)["decided"].([]any) {
			by[decided.(map[string]any)["by"].(string)] = true
		}
	}
	for _, kind := range []string{"user", "policy", "accelerator", "template"} {
		if !by[kind] {
			t.Errorf("nothing came from %s: %v", kind, by)
		}
	}
	s.do("ann", http.MethodPost, s.previewPath()+"?sources=perhaps", deployJSON("a")).Want(http.StatusBadRequest).Problem()
}

func TestPreviewReportsErrorsWithPaths(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for body, want := range map[string]string{
		strings.Replace(deployJSON("a"), `"count": 2`, `"count": 3`, 1):  "spec.accelerator.count", // a rule of the templates
		strings.Replace(deployJSON("a"), `"count": 2`, `"count": 99`, 1): "spec.accelerator.count", // the CRD does
		`{"spec": {"model": "org/model"}}`:                               "metadata.name",
	} {
		response := s.do("ann", http.MethodPost, s.previewPath(), body).Want(http.StatusUnprocessableEntity).Problem()
		if len(response.Errors) == 0 || response.Errors[0].Field != want {
			t.Errorf("%s: %v, want %s", body, response.Errors, want)
		}
	}
}

// Whole numbers and quantities in any spelling that Kubernetes reads are the same manifests.
func TestPreviewReadsNumbersAsKubernetesDoes(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const spec = `{metadata: {name: a}, spec: {model: org/model, accelerator: {type: atom, count: COUNT},
		inferenceServer: {replicas: 2, resources: {requests: {cpu: CPU}}}}}`
	body := func(count, cpu string) string {
		return strings.NewReplacer("COUNT", count, "CPU", cpu).Replace(spec)
	}
	post := func(path, body string, status int) apitest.Response {
		return s.do("ann", http.MethodPost, path, body, "Content-Type", "application/yaml").Want(status)
	}
	preview := func(body string) any { return post(s.previewPath(), body, http.StatusOK).JSON()["manifests"] }
	want := preview(body("4", `"2"`))
	for _, other := range []string{body("4.0", "2.0"), body("4e0", "+2"), body("+4", `"2.0"`)} {
		if diff := cmp.Diff(want, preview(other)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", other, diff)
		}
	}
	preview(body("4", `"+2"`)) // Kubernetes keeps the sign.
	created := post("", body("4.0", "2.0"), http.StatusCreated)
	if count := field(t, created, "spec", "accelerator", "count"); count != 4.0 {
		t.Errorf("the count is %v", count)
	}
}

// A preview requires no permission to read the Project.
func TestPreviewRendersWithProjectSettings(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodGet, "/api/v1/projects/"+s.Namespace, "").Want(http.StatusForbidden)
	s.create("a")
	s.preview(deployJSON("a"))
	s.project("batch")
	s.Await("the Project in the cache", func() bool {
		return priorityIn(t, s.preview(deployJSON("a"))) == "batch" && priorityIn(t, s.preview(deployJSON("b"))) == "batch"
	})
}

// project creates a Project of the fixture's namespace.
func (s *fixture) project(priorityClass string) {
	s.Helper()
	kubectl(s, fmt.Sprintf(`
apiVersion: dudaji.com/v1
kind: Project
metadata: {name: %s}
spec: {defaultPriorityClass: %s}
`, s.Namespace, priorityClass), "apply", "-f", "-")
}

// priorityIn returns the priority class of a preview's pods, or nil.
func priorityIn(t *testing.T, response map[string]any) any {
	t.Helper()
	for _, manifest := range response["manifests"].([]any) {
		found, named, _ := unstructured.NestedFieldNoCopy(manifest.(map[string]any), "spec", "template", "spec", "priorityClassName")
		if named {
			return found
		}
	}
	return nil
}

func TestValidationReportsFieldsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	path := strings.TrimSuffix(s.previewPath(), "preview") + "validate"
	response := s.do("ann", http.MethodPost, path, deployJSON("a")).Want(http.StatusOK).JSON()
	if objects := response["objects"].([]any); !slices.Contains(objects, any("Deployment/a")) || response["url"] == "" || response["image"] == "" {
		t.Errorf("the validation is %v", response)
	}
	s.do("ann", http.MethodGet, "/api/v1/namespaces/"+s.Namespace+"/npudeploys/a", "").Want(http.StatusNotFound)
	for field, spec := range map[string]string{
		"spec.accelerator.count": `{"model": "org/a", "accelerator": {"type": "atom", "count": 3}}`,
		"spec.other":             `{"model": "org/a", "accelerator": {"type": "atom"}, "other": 1}`,
	} {
		body := `{"metadata": {"name": "a"}, "spec": ` + spec + `}`
		rejected := s.do("ann", http.MethodPost, path, body).Want(http.StatusUnprocessableEntity).Problem()
		if len(rejected.Errors) != 1 || rejected.Errors[0].Field != field {
			t.Errorf("the errors are %v, want one of %s", rejected.Errors, field)
		}
	}
}
