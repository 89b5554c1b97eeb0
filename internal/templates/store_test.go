package templates_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	os.Exit(m.Run())
}

// mount writes the templates as the kubelet mounts a ConfigMap: a folder of the revision, a
// link ..data to it, and links into ..data. A second call replaces the revision.
func mount(tb testing.TB, dir, revision string, edit func(name string, content string) string) {
	tb.Helper()
	folder := filepath.Join(dir, revision)
	if err := os.CopyFS(folder, nufi.Module()); err != nil {
		tb.Fatal(err)
	}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, []byte(edit(filepath.Base(name), string(content))), 0o644)
	})
	if err != nil {
		tb.Fatal(err)
	}
	next := filepath.Join(dir, "..data_tmp")
	if err := errors.Join(os.Symlink(revision, next), os.Rename(next, filepath.Join(dir, "..data"))); err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"cue.mod", "schemas"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			tb.Fatal(err)
		}
	}
}

func unchanged(_, content string) string { return content }

func replace(file, from, to string) func(string, string) string {
	return func(name, content string) string {
		if name != file {
			return content
		}
		return strings.Replace(content, from, to, 1)
	}
}

// startStore opens a store on dir and runs it until the test ends. The channel receives nil
// for a swap, and the reason of a rejection.
func startStore(t *testing.T, dir string, live templates.Live) (*templates.Store, <-chan error) {
	t.Helper()
	results := make(chan error, 8)
	store, err := templates.Open(dir, templates.Hooks{
		Live:     func(context.Context) (templates.Live, error) { return live, nil },
		Validate: templates.Validate,
		Swapped:  func(*render.Templates) { results <- nil },
		Rejected: func(_ string, reason error) { results <- reason },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, store)
	return store, results
}

// run runs a store until the test ends.
func run(t *testing.T, store *templates.Store) {
	t.Helper()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- store.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func next(t *testing.T, results <-chan error) error {
	t.Helper()
	select {
	case err := <-results:
		return err
	case <-time.After(time.Minute):
		t.Fatal("neither a swap nor a rejection within a minute")
		return nil
	}
}

func TestValidCandidateReplacesTheServingSet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", unchanged)
	store, results := startStore(t, dir, templates.Live{})
	before := store.Serving()
	mount(t, dir, "..2", replace("policy.cue", "graceSeconds: 120", "graceSeconds: 240"))
	if err := next(t, results); err != nil {
		t.Fatal(err)
	}
	if store.Serving().Digest == before.Digest {
		t.Error("the old set serves")
	}
}

// A plain directory has no link ..data.
func TestEditInPlaceIsDetected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, nufi.Module()); err != nil {
		t.Fatal(err)
	}
	_, results := startStore(t, dir, templates.Live{})
	file := filepath.Join(dir, "schemas", "policy", "policy.cue")
	for _, edit := range []string{"graceSeconds: 121", "graceSeconds: 122", "graceSeconds: {"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		from := regexp.MustCompile("graceSeconds: [0-9]+").FindString(string(content))
		edited := file + ".new" // A file that is being written would be another candidate.
		if err := os.WriteFile(edited, []byte(strings.Replace(string(content), from, edit, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(edited, file); err != nil {
			t.Fatal(err)
		}
		if err := next(t, results); (err == nil) == strings.HasSuffix(edit, "{") {
			t.Errorf("%s: the result is %v", edit, err)
		}
	}
}

func TestInvalidCandidateIsRejected(t *testing.T) {
	t.Parallel()
	live := v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom"}}}
	live.Name, live.Namespace = "live", "research"
	project := v1.Project{Spec: v1.ProjectSpec{DisplayName: "Live", DefaultPriorityClass: "batch"}}
	project.Name = "research"
	cases := map[string]struct {
		edit func(string, string) string
		want string
	}{
		"invalid CUE":                  {replace("policy.cue", "policy: {", "policy: {{"), "expected"},
		"a field that policy lacks":    {replace("policy.cue", "drainSeconds: 5, ", ""), "drainSeconds"},
		"a live spec that breaks":      {replace("atom.cue", "sizes: [1, 2, 4, 8, 16, 32]", "sizes: [2, 4, 8]"), "rendering research/live: spec.accelerator.count"},
		"a live project that breaks":   {replace("namespace.cue", "_values.displayName", `"Dead" & _values.displayName`), "rendering project research"},
		"a project's live spec":        {replace("rules.cue", "general: [", `general: [if project.defaultPriorityClass == "batch" {spec: model: error("no batch today")},`), "rendering research/live: spec.model: no batch today"},
		"a preset that policy forbids": {replace("rules.cue", "general: [", `general: [if deploy.spec != _|_ {spec: model: error("no models today")},`), "rendering preset "},
		"an example that breaks":       {replace("service.cue", `kind:       "Service"`, ""), "rendering examples/"},
		"a kind that is not allowed":   {replace("deployment.cue", `"Deployment"`, `"StatefulSet"`), "may not render StatefulSet"},
		"an object that is not":        {replace("serviceaccount.cue", "package workload\n", "package workload\n\nobjects: extra: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: {name: _values.name, namespace: _values.namespace}}\n"), "may not render ConfigMap"},
		"a preset that breaks":         {replace("presets.cue", "count: 4", "count: 3"), "rendering preset qwen-7b: spec.accelerator.count"},
		"a preset of unknown fields":   {replace("presets.cue", `model: "Qwen`, `size: 7, model: "Qwen`), "rendering preset qwen-7b: spec.size"},
		"a file without effect":        {replace("presets_schema.cue", "package policy\n", ""), "schemas/policy/presets_schema.cue:2: the file has no effect: no package name"},
		"templates without a contract": {replace("about.cue", "deploy: npudeploy.#NpuDeploy", "deploy: npudeploy.#Nothing"), "#Nothing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mount(t, dir, "..1", unchanged)
			store, results := startStore(t, dir, templates.Live{Deploys: []v1.NpuDeploy{live}, Projects: []v1.Project{project}})
			before := store.Serving()
			mount(t, dir, "..2", c.edit)
			if err := next(t, results); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the result is %v, want one with %q", err, c.want)
			}
			state := store.State()
			if state.Set != before {
				t.Error("the serving set was replaced")
			}
			if state.Rejected == nil || state.Rejected.Candidate == before.Digest || !strings.Contains(state.Rejected.Reason.Error(), c.want) {
				t.Errorf("the rejection is %+v, want one with %q", state.Rejected, c.want)
			}
			mount(t, dir, "..3", replace("policy.cue", "graceSeconds: 120", "graceSeconds: 240"))
			if err := next(t, results); err != nil {
				t.Errorf("the corrected set was rejected: %v", err)
			}
			if corrected := store.State(); corrected.Rejected != nil || !corrected.Since.After(state.Since) {
				t.Errorf("the state of the corrected set is %+v", corrected)
			}
		})
	}
}

// The examples compiled into the program are not the platform's: its policy may forbid some.
func TestPolicyMayForbidExamples(t *testing.T) {
	t.Parallel()
	before, after, _ := strings.Cut(policySource(t), "allowed: {")
	_, after, found := strings.Cut(after, "\n\t}\n")
	if !found {
		t.Fatal("policy.cue has no allowed")
	}
	policy := before + "allowed: {\n" + `
		hostPaths: ["/mnt/data/model-cache"], registries: ["rebellions/", "vllm/"], priorityClasses: ["batch"]
		serviceAccounts: [], podSecurityLevel: "restricted"
	}
` + after
	set := newCandidate(t, func(name, content string) string {
		if name == "policy.cue" {
			return policy
		}
		return content
	})
	if err := templates.Validate(t.Context(), set, templates.Live{}); err != nil {
		t.Error(err)
	}
}

func policySource(t *testing.T) string {
	t.Helper()
	content, err := fs.ReadFile(nufi.Module(), "schemas/policy/policy.cue")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReturnToTheServingSetClearsTheRejection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", unchanged)
	store, results := startStore(t, dir, templates.Live{})
	mount(t, dir, "..2", replace("policy.cue", "policy: {", "policy: {{"))
	if err := next(t, results); err == nil || store.State().Rejected == nil {
		t.Fatalf("the result is %v, the rejection %+v", err, store.State().Rejected)
	}
	mount(t, dir, "..3", unchanged)
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return store.State().Rejected == nil, nil
	})
	if err != nil {
		t.Errorf("the rejection is %+v", store.State().Rejected)
	}
}

// The candidate is validated with all specs, and after a rejection without those that do not render now.
func TestLiveSpecThatDoesNotRenderNowIsIgnored(t *testing.T) {
	t.Parallel()
	valid := v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom"}}}
	valid.Name, valid.Namespace = "valid", "default"
	broken := *valid.DeepCopy()
	broken.Name, broken.Spec.Accelerator.Type = "broken", "abacus"
	live, validated, results := []v1.NpuDeploy{valid}, make(chan int, 8), make(chan error, 8)
	dir := t.TempDir()
	mount(t, dir, "..1", unchanged)
	store, err := templates.Open(dir, templates.Hooks{
		Live: func(context.Context) (templates.Live, error) { return templates.Live{Deploys: live}, nil },
		Validate: func(ctx context.Context, candidate fs.FS, live templates.Live) error {
			validated <- len(live.Deploys)
			return templates.Validate(ctx, candidate, live)
		},
		Swapped:  func(*render.Templates) { live = append(live, broken); results <- nil },
		Rejected: func(_ string, reason error) { results <- reason },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, store)
	for i, want := range [][]int{{1}, {2, 1}} {
		seconds := strconv.Itoa(200 + i)
		mount(t, dir, ".."+seconds, replace("policy.cue", "graceSeconds: 120", "graceSeconds: "+seconds))
		if err := next(t, results); err != nil {
			t.Error(err)
		}
		for _, specs := range want {
			if got := <-validated; got != specs {
				t.Errorf("the candidate was validated with %d specs, want %d", got, specs)
			}
		}
	}
}

func TestOpenRejectsAnInvalidDirectory(t *testing.T) {
	t.Parallel()
	broken := t.TempDir()
	mount(t, broken, "..1", replace("policy.cue", "policy: {", "policy: {{"))
	for name, dir := range map[string]string{"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "x"), "broken": broken} {
		if _, err := templates.Open(dir, templates.Hooks{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestValidationIsKilledAtItsDeadline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", replace("values.cue", "_values: {", `_slow: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a == b {a}]
_values: {`))
	candidate, err := templates.Snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := templates.Validate(ctx, candidate, templates.Live{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want the deadline", err)
	}
}

func TestInvalidSetAtTheStartIsReplacedByAValidOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", replace("service.cue", `"Service"`, `"Secret"`))
	results := make(chan error, 8)
	store, err := templates.Open(dir, templates.Hooks{
		Validate: templates.Validate, WaitsForValid: true,
		Swapped:  func(*render.Templates) { results <- nil },
		Rejected: func(_ string, reason error) { results <- reason },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := next(t, results); err == nil || !strings.Contains(err.Error(), "may not render Secret") {
		t.Errorf("rejected for %v", err)
	}
	if _, err := store.Require(); err == nil || store.Serving() != nil || store.State().Rejected == nil {
		t.Errorf("serving %v, error %v", store.Serving(), err)
	}
	run(t, store)
	mount(t, dir, "..2", unchanged)
	if err := next(t, results); err != nil {
		t.Fatal(err)
	}
	if set, err := store.Require(); err != nil || set == nil || store.State().Rejected != nil {
		t.Errorf("serving %v, error %v, rejected %v", set, err, store.State().Rejected)
	}
}
