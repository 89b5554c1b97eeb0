package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// deployJSON returns the short form of an NpuDeploy.
func deployJSON(name string) string {
	return fmt.Sprintf(`{"metadata": {"name": %q, "labels": {"team": "search"}},
		"spec": {"model": "org/model", "accelerator": {"type": "atom", "count": 2}}}`, name)
}

func (s *fixture) create(name string) apitest.Response {
	s.Helper()
	return s.do("ann", http.MethodPost, "", deployJSON(name)).Want(http.StatusCreated)
}

func field(t *testing.T, r apitest.Response, path ...string) any {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(r.JSON(), path...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestCreatedNpuDeployCanBeRead(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	location := created.Header.Get("Location")
	read := s.do("vic", http.MethodGet, location, "").Want(http.StatusOK)
	if read.Header.Get("ETag") != created.Header.Get("ETag") || read.Header.Get("ETag") == "" {
		t.Errorf("ETag %s became %s", created.Header.Get("ETag"), read.Header.Get("ETag"))
	}
	if field(t, read, "spec", "model") != "org/model" || field(t, read, "metadata", "managedFields") != nil {
		t.Errorf("read %s", read.Body)
	}
	tag := read.Header.Get("ETag")
	for header, status := range map[string]int{tag: 304, "W/" + tag: 304, `"7", ` + tag: 304, "*": 304, `"7"`: 200, strings.Trim(tag, `"`): 200} {
		s.do("vic", http.MethodGet, location, "", "If-None-Match", header).Want(status)
	}
}

// Other languages escape slashes and characters that are not ASCII.
func TestJSONEscapesAreRead(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	body := `{"metadata": {"name": "a", "annotations": {"note": "\ud83d\ude00"}}, "spec": {"model": "org\/model",` + "\n\t" + `"accelerator": {"type": "atom"}}}`
	created := s.do("ann", http.MethodPost, "", body).Want(http.StatusCreated)
	if note, model := field(t, created, "metadata", "annotations", "note"), field(t, created, "spec", "model"); note != "\U0001F600" || model != "org/model" {
		t.Errorf("the note is %q, and the model %q", note, model)
	}
	s.do("ann", http.MethodPost, "", `{"metadata": {"name": "b"}, "spec": {"model": "a/b", "model": "c/d"}}`).Want(http.StatusBadRequest).Problem()
}

func TestArticleYAMLIsAccepted(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	text := s.File("examples/article/npudeploy.yaml")
	rejected := s.do("ann", http.MethodPost, "?dryRun=All", text, "Content-Type", "application/yaml").Want(http.StatusUnprocessableEntity)
	if got := rejected.Problem().Errors; len(got) != 1 || got[0].Field != "metadata.namespace" {
		t.Errorf("a namespace that differs from the path's: %v", got)
	}
	text = strings.Replace(text, "namespace: ml-serving", "namespace: "+s.Namespace, 1)
	s.do("ann", http.MethodPost, "", text, "Content-Type", "application/yaml").Want(http.StatusCreated)
}

func TestBodyWithMoreThanOneObjectIsRejected(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const yaml = "application/yaml"
	for body, media := range map[string]string{
		deployJSON("a") + "\n---\n" + deployJSON("b"): yaml,
		deployJSON("a") + deployJSON("b"):             "application/json",
		"metadata: {name: a}\nspec: {model: m/m}":     "application/json",
	} {
		s.do("ann", http.MethodPost, "", body, "Content-Type", media).Want(http.StatusBadRequest).Problem()
		s.do("ann", http.MethodPost, s.previewPath(), body, "Content-Type", media).Want(http.StatusBadRequest).Problem()
		s.do("ann", http.MethodPut, "a", body, "Content-Type", media, "If-None-Match", "*").Want(http.StatusBadRequest).Problem()
	}
	s.do("ann", http.MethodGet, "a", "").Want(http.StatusNotFound)
}

func TestPutRequiresAPrecondition(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodPut, "a", deployJSON("a")).Want(http.StatusPreconditionRequired).Problem()
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", `"1"`).Want(http.StatusPreconditionFailed).Problem()
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", "*").Want(http.StatusPreconditionFailed).Problem()
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", "1").Want(http.StatusBadRequest).Problem()
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", "*", "If-None-Match", "*").Want(http.StatusBadRequest).Problem()
	for _, match := range []string{"*", `"1"`} {
		s.do("ann", http.MethodPatch, "a", "{}", "If-Match", match, "Content-Type", "application/merge-patch+json").Want(http.StatusPreconditionFailed).Problem()
		s.do("ann", http.MethodDelete, "a", "", "If-Match", match).Want(http.StatusPreconditionFailed).Problem()
	}
	first := s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-None-Match", "*").Want(http.StatusCreated)
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-None-Match", "*").Want(http.StatusPreconditionFailed).Problem()

	// Of two clients that read the same version, the second to write gets an error.
	without := `{"spec": {"model": "org/model"}}`
	second := s.do("ann", http.MethodPut, "a", without, "If-Match", first.Header.Get("ETag")).Want(http.StatusOK)
	if field(t, second, "spec", "accelerator") != nil || field(t, second, "metadata", "labels") != nil {
		t.Errorf("fields that the second PUT omits remain: %s", second.Body)
	}
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", first.Header.Get("ETag")).Want(http.StatusPreconditionFailed)
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", second.Header.Get("ETag")).Want(http.StatusOK)
}

func TestStatusChangesDoNotFailAPrecondition(t *testing.T) {
	t.Parallel()
	var interfere func()
	s := newFixture(t, withTransport(t, func(next http.RoundTripper) http.RoundTripper {
		return interferingTransport{next, func() { interfere() }}
	}))
	changeStatus := func() {
		kubectl(s, "", "patch", "npudeploy", "a", "--subresource=status", "--type=merge", "-p", `{"status": {"templates": "`+uuid.NewString()+`"}}`)
	}
	interfere = func() {}
	first := s.create("a").Header.Get("ETag")
	changeStatus()
	s.do("ann", http.MethodGet, "a", "", "If-None-Match", first).Want(http.StatusOK)
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", `"`+strings.Trim(strings.Split(first, "-")[0], `"`)+`"`).Want(http.StatusPreconditionFailed)
	interfere = sync.OnceFunc(changeStatus)
	other := strings.Replace(deployJSON("a"), "org/model", "org/other", 1)
	second := s.do("ann", http.MethodPut, "a", other, "If-Match", first).Want(http.StatusOK).Header.Get("ETag")
	changeStatus()
	s.do("ann", http.MethodPatch, "a", `{"metadata": {"labels": {"team": "other"}}}`, "Content-Type", mergeJSON, "If-Match", first).Want(http.StatusPreconditionFailed)
	third := s.do("ann", http.MethodPatch, "a", `{"metadata": {"labels": {"team": "other"}}}`, "Content-Type", mergeJSON, "If-Match", second).Want(http.StatusOK).Header.Get("ETag")
	s.do("ann", http.MethodPut, "a", other, "If-Match", second).Want(http.StatusPreconditionFailed)
	changeStatus()
	s.do("ann", http.MethodDelete, "a", "", "If-Match", second).Want(http.StatusPreconditionFailed)
	s.do("ann", http.MethodDelete, "a", "", "If-Match", third).Want(http.StatusAccepted)
}

// interferingTransport makes another write before each apply.
type interferingTransport struct {
	http.RoundTripper

	interfere func()
}

func (m interferingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Content-Type") == "application/apply-patch+yaml" {
		m.interfere()
	}
	return m.RoundTripper.RoundTrip(r)
}

func TestPutOverAnyVersionRetriesOnConflict(t *testing.T) {
	t.Parallel()
	var interfere func()
	s := newFixture(t, withTransport(t, func(next http.RoundTripper) http.RoundTripper {
		return interferingTransport{next, func() { interfere() }}
	}))
	s.create("a")
	others := func() {
		kubectl(s, "", "annotate", "npudeploy", "a", "note="+uuid.NewString(), "--overwrite")
	}
	interfere = sync.OnceFunc(others)
	put := s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", "*").Want(http.StatusOK)
	interfere = sync.OnceFunc(others)
	s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", put.Header.Get("ETag")).Want(http.StatusPreconditionFailed)
}

func TestPutTakesFieldsOfOtherManagersOnlyWithForce(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	kubectl(s, `{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "a"},
		"spec": {"model": "org/theirs", "accelerator": {"type": "atom"}}}`, "apply", "--server-side", "-f", "-")
	mine := `{"spec": {"model": "org/mine"}}`
	rejected := s.do("ann", http.MethodPut, "a", mine, "If-Match", "*").Want(http.StatusConflict).Problem()
	if len(rejected.Errors) != 1 || rejected.Errors[0].Field != "spec.model" {
		t.Errorf("the conflict is about %v", rejected.Errors)
	}
	taken := s.do("ann", http.MethodPut, "a?force=true", mine, "If-Match", "*").Want(http.StatusOK)
	if field(t, taken, "spec", "model") != "org/mine" || field(t, taken, "spec", "accelerator") == nil {
		t.Errorf("taken over is %s", taken.Body)
	}
}

func TestPutOverTheVersionReadWritesTheWholeSpec(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	theirs := func(name string) string {
		return `{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "` + name + `", "labels": {"team": "theirs"}},
		"spec": {"model": "org/theirs", "accelerator": {"type": "atom", "count": 2}, "service": {"port": 80},
		"endpoint": {"host": "` + name + `.example.com", "traffic": {"backends": [{"name": "one", "weight": 50}, {"name": "two", "weight": 50}]}},
		"inferenceServer": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}}}`
	}
	const desired = `{"spec": {"model": "org/mine", "accelerator": {"type": "atom", "count": 2},
		"endpoint": {"host": "HOST", "traffic": {"backends": [{"name": "one", "weight": 100}]}},
		"inferenceServer": {"env": [{"name": "A", "value": "1"}]}}}`
	for name, apply := range map[string][]string{
		"client": {"apply", "-f", "-"}, "server": {"apply", "--server-side", "-f", "-"}, "created": {"create", "-f", "-"},
	} {
		kubectl(s, theirs(name), apply...)
		read := s.do("ann", http.MethodGet, name, "").Want(http.StatusOK)
		tag := read.Header.Get("ETag")
		body := strings.Replace(desired, "HOST", name+".example.com", 1)
		var want map[string]any
		s.Must(json.Unmarshal([]byte(body), &want))

		conflict := s.do("ann", http.MethodPut, name, body, "If-Match", tag).Want(http.StatusConflict).Problem()
		for _, field := range []string{
			"spec.model", "spec.service.port", `spec.endpoint.traffic.backends[name="two"].weight`, `spec.inferenceServer.env[name="B"].value`,
		} {
			if !slices.ContainsFunc(conflict.Errors, func(e problem.FieldError) bool { return e.Field == field && strings.Contains(e.Message, "kubectl") }) {
				t.Errorf("%s: the conflict is not about %s: %v", name, field, conflict.Errors)
			}
		}
		named := strings.Replace(body, `{"spec"`, `{"metadata": {"name": "`+name+`"}, "spec"`, 1)
		s.do("ann", http.MethodPost, s.previewPath(), named, "If-Match", tag).Want(http.StatusConflict)
		preview := s.do("ann", http.MethodPost, s.previewPath()+"?force=true", named, "If-Match", tag).Want(http.StatusOK)
		if manifests := fmt.Sprint(field(t, preview, "manifests")); !strings.Contains(manifests, "name:A ") || strings.Contains(manifests, "name:B ") {
			t.Errorf("%s: the preview has %s", name, manifests)
		}
		if got := s.do("ann", http.MethodGet, name, "").Header.Get("ETag"); got != tag {
			t.Errorf("%s: the ETag is %s, want %s: a conflict writes nothing", name, got, tag)
		}

		for _, query := range []string{"?force=true&dryRun=All", "?force=true"} {
			written := s.do("ann", http.MethodPut, name+query, body, "If-Match", tag).Want(http.StatusOK)
			if diff := cmp.Diff(want["spec"], field(t, written, "spec")); diff != "" {
				t.Errorf("%s%s: the spec (-want +got):\n%s", name, query, diff)
			}
			if field(t, written, "metadata", "labels", "team") != "theirs" {
				t.Errorf("%s%s: the labels of others are %v", name, query, field(t, written, "metadata", "labels"))
			}
		}

		// No other manager owns a field of a spec that is replaced as a whole.
		for i, model := range []string{"org/one", "org/two"} {
			query := "?force=true"
			if i > 0 {
				query = ""
			}
			tag = s.do("ann", http.MethodGet, name, "").Want(http.StatusOK).Header.Get("ETag")
			written := s.do("ann", http.MethodPut, name+query, `{"spec": {"model": "`+model+`"}}`, "If-Match", tag).Want(http.StatusOK)
			if diff := cmp.Diff(any(map[string]any{"model": model}), field(t, written, "spec")); diff != "" {
				t.Errorf("%s: the spec of %s (-want +got):\n%s", name, model, diff)
			}
		}
	}
}

func TestPatchMergesOrApplies(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodPatch, "a", `{}`, "Content-Type", "application/apply-patch+yaml").Want(http.StatusNotFound)
	created := s.create("a")
	merged := s.do("ann", http.MethodPatch, "a", `{"spec": {"accelerator": {"count": 4}}}`, "Content-Type", "application/merge-patch+json").Want(http.StatusOK)
	if field(t, merged, "spec", "accelerator", "count") != float64(4) || field(t, merged, "spec", "accelerator", "type") != "atom" {
		t.Errorf("merged to %s", merged.Body)
	}
	s.do("ann", http.MethodPatch, "a", `{"spec": {"model": "org/late"}}`,
		"Content-Type", "application/merge-patch+json", "If-Match", created.Header.Get("ETag")).Want(
		http.StatusPreconditionFailed)

	applied := s.do("ann", http.MethodPatch, "a?force=true", "spec: {model: org/other, accelerator: {type: atom, count: 4}}",
		"Content-Type", "application/apply-patch+yaml", "If-Match", merged.Header.Get("ETag")).Want(
		http.StatusOK)

	if field(t, applied, "spec", "model") != "org/other" {
		t.Errorf("applied to %s", applied.Body)
	}
	s.do("ann", http.MethodPatch, "a", `[]`, "Content-Type", "application/json-patch+json").Want(http.StatusUnsupportedMediaType)
}

func TestDeleteChecksThePrecondition(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	s.do("ann", http.MethodDelete, "a", "", "If-Match", `"1"`).Want(http.StatusPreconditionFailed)
	s.do("ann", http.MethodDelete, "a", "", "If-Match", created.Header.Get("ETag")).Want(http.StatusAccepted)
	s.do("ann", http.MethodGet, "a", "").Want(http.StatusNotFound)
	s.do("ann", http.MethodDelete, "a", "").Want(http.StatusNotFound)
}

func TestScaleIsReadAndWritten(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodPost, "", `{"metadata": {"name": "a"}, "spec": {"model": "org/model", "inferenceServer": {"replicas": 1}}}`).Want(http.StatusCreated)
	if got := s.do("ann", http.MethodPut, "a/scale", `{"replicas": -1}`).Want(http.StatusUnprocessableEntity).Problem(); got.Detail != "replicas: must not be negative" {
		t.Errorf("the error is %q", got.Detail)
	}
	scaled := s.do("ann", http.MethodPut, "a/scale", `{"replicas": 3}`).Want(http.StatusOK)
	if scaled.JSON()["replicas"] != float64(3) {
		t.Errorf("scaled to %s", scaled.Body)
	}
	if got := s.do("vic", http.MethodGet, "a/scale", "").Want(http.StatusOK); got.JSON()["replicas"] != float64(3) {
		t.Errorf("the scale is %s", got.Body)
	}
	if got := field(t, s.do("vic", http.MethodGet, "a", ""), "spec", "inferenceServer", "replicas"); got != float64(3) {
		t.Errorf("the spec has %v replicas", got)
	}
	s.create("open")
	if got := s.do("vic", http.MethodGet, "open/scale", "").Want(http.StatusOK); got.JSON()["replicas"] != nil {
		t.Errorf("an unset number is %s", got.Body)
	}
	for _, replicas := range []string{"2", "0"} {
		s.do("ann", http.MethodPut, "open/scale", `{"replicas": `+replicas+`}`).Want(http.StatusOK)
	}
	applied := s.do("ann", http.MethodPut, "open", deployJSON("open"), "If-Match", "*").Want(http.StatusOK)
	if got := field(t, applied, "spec", "inferenceServer", "replicas"); got != float64(0) {
		t.Errorf("after an apply without it, the number is %v", got)
	}
	for _, body := range []string{`{}`, `{"replicas": "3"}`, `{"replicas": 3, "force": true}`, `{"replicas": -1}`, `[3]`, ``} {
		if got := s.do("ann", http.MethodPut, "a/scale", body); got.Status != 400 && got.Status != 422 {
			t.Errorf("%s: %d %s", body, got.Status, got.Body)
		}
	}
}

func TestRestartSurvivesAnApply(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusNotFound)
	s.create("a")
	at := func(r apitest.Response) any {
		return field(t, r, "spec", "podMetadata", "annotations", "dudaji.com/restarted-at")
	}
	first := s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusOK)
	second := s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusOK)
	if at(first) == nil || at(first) == at(second) {
		t.Errorf("restarted at %v and at %v", at(first), at(second))
	}
	applied := s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", second.Header.Get("ETag")).Want(http.StatusOK)
	if at(applied) != at(second) {
		t.Errorf("after an apply without it: %v", at(applied))
	}
}

func TestRestartReplacesTheAnnotationOfEarlierVersions(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	annotations := func(r apitest.Response) map[string]any {
		found, _ := field(t, r, "spec", "podMetadata", "annotations").(map[string]any)
		return found
	}
	const former = "nufi.dudaji.com/restarted-at"
	kubectl(s, "", "patch", "npudeploy", "a", "--type=merge", "--field-manager=nufi-apiserver-restart",
		"-p", `{"spec": {"podMetadata": {"annotations": {"`+former+`": "2026-01-01T00:00:00Z"}}}}`)
	if got := annotations(s.do("ann", http.MethodPut, "a", deployJSON("a"), "If-Match", "*").Want(http.StatusOK)); got[former] == nil {
		t.Errorf("an apply removes the former annotation: %v", got)
	}
	if got := annotations(s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusOK)); got[former] != nil || got["dudaji.com/restarted-at"] == nil {
		t.Errorf("a restart results in %v", got)
	}
	s.preview(deployJSON("a"))
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const merge = "application/merge-patch+json"
	if got := s.do("ann", http.MethodPost, "?dryRun=All", deployJSON("a")).Want(http.StatusCreated); len(got.Header.Values("ETag")) > 0 {
		t.Errorf("the result of a dry run has the ETag %q", got.Header.Get("ETag"))
	}
	s.do("ann", http.MethodPut, "a?dryRun=All", deployJSON("a"), "If-None-Match", "*").Want(http.StatusCreated)
	s.do("ann", http.MethodGet, "a", "").Want(http.StatusNotFound)
	before := s.create("a")
	s.do("ann", http.MethodPut, "a?dryRun=All", strings.Replace(deployJSON("a"), "org/model", "org/other", 1), "If-Match", "*").Want(http.StatusOK)
	s.do("ann", http.MethodPatch, "a?dryRun=All", `{"spec": {"model": "org/other"}}`, "Content-Type", merge).Want(http.StatusOK)
	s.do("ann", http.MethodPut, "a/scale?dryRun=All", `{"replicas": 7}`).Want(http.StatusOK)
	s.do("ann", http.MethodPost, "a/restart?dryRun=All", "").Want(http.StatusOK)
	s.do("ann", http.MethodDelete, "a?dryRun=All", "").Want(http.StatusAccepted)
	if after := s.do("ann", http.MethodGet, "a", "").Want(http.StatusOK); after.Header.Get("ETag") != before.Header.Get("ETag") {
		t.Errorf("a dry run has written: %s", after.Body)
	}
	// Kubernetes accepts 3 devices of a kind that can be split by 1, 2, 4 and 8 alone.
	never := strings.Replace(deployJSON("a"), `"count": 2`, `"count": 3`, 1)
	for _, got := range []apitest.Response{
		s.do("ann", http.MethodPost, "?dryRun=All", strings.Replace(never, `"name": "a"`, `"name": "b"`, 1)),
		s.do("ann", http.MethodPut, "b?dryRun=All", strings.Replace(never, `"name": "a"`, `"name": "b"`, 1), "If-None-Match", "*"),
		s.do("ann", http.MethodPut, "a?dryRun=All", never, "If-Match", "*"),
		s.do("ann", http.MethodPatch, "a?dryRun=All", `{"spec": {"accelerator": {"count": 3}}}`, "Content-Type", merge),
	} {
		if errs := got.Want(http.StatusUnprocessableEntity).Problem().Errors; len(errs) != 1 || errs[0].Field != "spec.accelerator.count" {
			t.Errorf("the dry run of a spec that does not render: %s", got.Body)
		}
	}
	s.do("ann", http.MethodDelete, "a?dryRun=all", "").Want(http.StatusBadRequest)
	s.do("ann", http.MethodDelete, "a?dryrun=All", "").Want(http.StatusBadRequest)
	for _, empty := range []string{"dryRun=", "dryRun"} {
		s.do("ann", http.MethodDelete, "a?"+empty, "").Want(http.StatusBadRequest).Problem()
		s.do("ann", http.MethodPut, "a?"+empty, deployJSON("a"), "If-Match", "*").Want(http.StatusBadRequest)
		s.do("ann", http.MethodPatch, "a?"+empty, `{}`, "Content-Type", merge).Want(http.StatusBadRequest)
		s.do("ann", http.MethodPut, "a/scale?"+empty, `{"replicas": 7}`).Want(http.StatusBadRequest)
		s.do("ann", http.MethodPost, "a/restart?"+empty, "").Want(http.StatusBadRequest)
		s.do("ann", http.MethodPost, "?"+empty, deployJSON("b")).Want(http.StatusBadRequest)
	}
	s.do("ann", http.MethodPatch, "a", "spec: {model: org/other}", "Content-Type", "application/apply-patch+yaml", "If-Match", "").Want(http.StatusBadRequest)
	s.do("ann", http.MethodGet, "a", "", "If-None-Match", before.Header.Get("ETag")).Want(http.StatusNotModified)
}

func TestErrorNamesTheField(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("taken")
	for name, test := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"out of bounds":    {`{"metadata": {"name": "a"}, "spec": {"model": "m/m", "accelerator": {"type": "atom", "count": 65}}}`, 422, "spec.accelerator.count"},
		"of another type":  {`{"metadata": {"name": "a"}, "spec": {"model": 7}}`, 422, "spec.model"},
		"nothing to serve": {`{"metadata": {"name": "a"}, "spec": {}}`, 422, "spec"},
		"of another kind":  {`{"kind": "Pod", "metadata": {"name": "a"}}`, 422, "kind"},
		"metadata as text": {`{"metadata": "a"}`, 422, "metadata"},
		"no name":          {`{"spec": {"model": "m/m"}}`, 422, "metadata.name"},
		"an unknown field": {`{"metadata": {"name": "a"}, "spec": {"model": "m/m", "acelerator": {}}}`, 422, "spec.acelerator"},
		"a key twice":      {`{"metadata": {"name": "a", "name": "b"}}`, 400, ""},
		"taken":            {deployJSON("taken"), 409, ""},
		"no object":        {`[]`, 400, ""},
		"null":             {`null`, 400, ""},
		"empty":            {``, 400, ""},
		"deep":             {strings.Repeat("[", 100000), 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do("ann", http.MethodPost, "", test.body).Want(test.status).Problem()
			if test.field != "" && (len(got.Errors) == 0 || got.Errors[0].Field != test.field) {
				t.Errorf("the fields are %v, want %s", got.Errors, test.field)
			}
		})
	}
	for _, query := range []string{"limit=0", "resourceVersion=x", "limit=1001", "limit=x", "labelSelector=%28", "fieldSelector=spec", "continue=x", "fieldSelector=spec.model%3Dx"} {
		if got := s.do("ann", http.MethodGet, "?"+query, ""); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.Status, got.Body)
		}
	}
}

// call is a request that ann, an editor, may make; vic, a viewer, if vic is true; and bob never.
type call struct {
	method, path, body string
	headers            []string
	verb               string // that others lack
	vic                bool
}

func calls(s *fixture) []call {
	merge := []string{"Content-Type", "application/merge-patch+json"}
	apply := []string{"Content-Type", "application/apply-patch+yaml"}
	return []call{
		{http.MethodGet, "", "", nil, "list", true},
		{http.MethodGet, "a", "", nil, "get", true},
		{http.MethodGet, "a/scale", "", nil, "get", true},
		{http.MethodPost, "", deployJSON("b"), nil, "create", false},
		{http.MethodPut, "c", deployJSON("c"), []string{"If-None-Match", "*"}, "create", false},
		{http.MethodPut, "a", deployJSON("a"), []string{"If-Match", "*"}, "patch", false},
		{http.MethodPatch, "a", `{}`, merge, "patch", false},
		{http.MethodPatch, "a", `{"spec": {"model": "org/model"}}`, apply, "patch", false},
		{http.MethodPut, "a/scale", `{"replicas": 1}`, nil, "patch", false},
		{http.MethodPost, "a/restart", "", nil, "patch", false},
		{http.MethodPost, s.previewPath(), deployJSON("a"), nil, "patch", false},
		{http.MethodPost, s.previewPath(), deployJSON("new"), nil, "patch", false},
		{http.MethodDelete, "a", "", nil, "delete", false},
	}
}

// Kubernetes responds with another status for each verb, and names no field.
func TestUnknownFieldIsReportedForEveryVerb(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	const apply, merge = "application/apply-patch+yaml", "application/merge-patch+json"
	for name, test := range map[string]struct {
		body  string
		field string
	}{
		"mistyped":        {`{"metadata": {"name": "a"}, "spec": {"model": "m/m", "accelerator": {"typ": "atom"}}}`, "spec.accelerator.typ"},
		"of another type": {`{"metadata": {"name": "a"}, "spec": {"model": 7}}`, "spec.model"},
	} {
		for _, call := range []call{
			{method: http.MethodPost, path: "?dryRun=All"},
			{method: http.MethodPut, path: "a", headers: []string{"If-Match", "*"}},
			{method: http.MethodPut, path: "a", headers: []string{"If-None-Match", "*"}},
			{method: http.MethodPatch, path: "a", headers: []string{"Content-Type", apply}},
			{method: http.MethodPatch, path: "a", headers: []string{"Content-Type", merge}},
			{method: http.MethodPost, path: s.previewPath()},
		} {
			got := s.do("ann", call.method, call.path, test.body, call.headers...).Want(http.StatusUnprocessableEntity)
			response := got.Problem()
			if len(response.Errors) == 0 || response.Errors[0].Field != test.field || len(got.Body) > 1000 {
				t.Errorf("%s: %s %s %v: %s", name, call.method, call.path, call.headers, got.Body)
			}
		}
	}
}

func TestEveryCallIsMadeAsTheUser(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	for _, call := range calls(s) {
		for user, allowed := range map[string]bool{"vic": call.vic, "bob": false} {
			got := s.do(user, call.method, call.path, call.body, call.headers...)
			if allowed {
				got.Want(http.StatusOK)
				continue
			}
			if got.Status != http.StatusForbidden {
				t.Errorf("%s may %s %s: %d %s", user, call.method, call.path, got.Status, got.Body)
				continue
			}
			response := got.Problem()
			if response.Missing == nil || user == "vic" && response.Missing.Verb != call.verb || !strings.HasPrefix(response.Missing.Resource, "npudeploys") {
				t.Errorf("%s %s as %s: missing is %v, want %s", call.method, call.path, user, response.Missing, call.verb)
			}
		}
	}
	for _, call := range calls(s) {
		if got := s.do("ann", call.method, call.path, call.body, call.headers...); got.Status >= 300 {
			t.Errorf("ann may not %s %s: %d %s", call.method, call.path, got.Status, got.Body)
		}
	}
}

func TestAuditLogRecordsEveryChangeWithoutCredentials(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	s.do("vic", http.MethodDelete, "a", "").Want(http.StatusForbidden)
	s.do("ann", http.MethodGet, "a", "").Want(http.StatusOK)
	log := strings.Split(strings.TrimSpace(s.Log.String()), "\n")
	if len(log) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(log), s.Log)
	}
	for i, words := range [][]string{
		{`"user":"ann"`, `"change":"create"`, `"outcome":"done"`, `"status":201`, `"requestId"`},
		{`"user":"vic"`, `"change":"delete"`, `"outcome":"refused"`, `"status":403`, s.Namespace},
	} {
		for _, word := range words {
			if !strings.Contains(log[i], word) {
				t.Errorf("line %d has no %s: %s", i, word, log[i])
			}
		}
	}
	if strings.Contains(s.Log.String(), "Bearer") {
		t.Errorf("a credential is in the log: %s", s.Log)
	}
}

func TestAuditLogRecordsEachChangeOfASelection(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	selection := "select=" + s.Namespace + "/a&select=" + s.Namespace + "/none"
	for user, status := range map[string]int{"ann": http.StatusNotFound, "vic": http.StatusForbidden} {
		s.do(user, http.MethodPost, "/selection/restart", selection, "Content-Type", "application/x-www-form-urlencoded").Want(status)
	}
	log := s.Log.String()
	for _, line := range []string{
		`"user":"ann".*"change":"restart".*"subject":"` + s.Namespace + `/a".*"outcome":"done"`,
		`"user":"vic".*"change":"restart".*"subject":"` + s.Namespace + `/a".*"outcome":"refused"`,
	} {
		if found := regexp.MustCompile(line).FindAllString(log, -1); len(found) != 1 {
			t.Errorf("%d lines match %s:\n%s", len(found), line, log)
		}
	}
}

func TestInvalidNamesAreNotFound(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for _, path := range []string{
		"/api/v1/namespaces/kube%20system/npudeploys", "/api/v1/namespaces/A/npudeploys", "/api/v1/namespaces/x/npudeploys/a%0d%0aX-Y:z",
		"/api/v1/namespaces/x%2Fpods/npudeploys", "/api/v1/namespaces/x/npudeploys/a%3Fb", "/api/v1/namespaces/x/npudeploys/a%2F..%2Fb",
		"/api/v1/namespaces/" + s.Namespace + "%2Fnpudeploys", "/api/v1/projects/x%2fmembers", "/api/v1//me", "//api/v1/me", "/api/v1/./me", "/api/v1/x/../me", "/api/v1/me/",
		"/api/v1/projects/A", "/api/v1/projects/..%2Fme", "/api/v1/projects/a%0d%0aX-Y:z", "/api/v1/projects/x/members/%2E%2E",
	} {
		got := s.do("ann", http.MethodGet, path, "")
		if got.Status != http.StatusNotFound || got.Header.Get("X-Y") != "" {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	// A redirect would turn these into a GET.
	for _, path := range []string{"//api/v1/namespaces/x/npudeploys", "/api/v1/namespaces/x/npudeploys/", "/api/v1/./projects", "//openapi.json", "/openapi.json/"} {
		if got := s.do("ann", http.MethodPost, path, deployJSON("a")); got.Status != http.StatusNotFound || got.Header.Get("Location") != "" {
			t.Errorf("POST %s: %d, %s", path, got.Status, got.Header.Get("Location"))
		}
	}
}
