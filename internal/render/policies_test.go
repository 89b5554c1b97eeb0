package render_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

const policyFile = "schemas/policy/policy.cue"

// templatesOf compiles the repository's templates with the policy of a fixture.
func templatesOf(tb testing.TB, fixture []byte) *render.Templates {
	tb.Helper()
	if !policyLine.Match(fixture) {
		return compiled(tb)
	}
	return rendertest.Compile(tb, moduleOf(tb, fixture))
}

// moduleOf returns the repository's module with the policy of a fixture.
func moduleOf(tb testing.TB, fixture []byte) fs.FS {
	tb.Helper()
	var choices []string
	for _, found := range policyLine.FindAllSubmatch(fixture, -1) {
		choices = append(choices, string(found[1]))
	}
	if choices == nil {
		return nufi.Module()
	}
	return underPolicy(tb, choices...)
}

// underPolicy returns the repository's module with other choices in policy.cue: each replaces
// the line of the same field.
func underPolicy(tb testing.TB, choices ...string) fs.FS {
	tb.Helper()
	return edited(tb, policyFile, func(policy string) string {
		for _, choice := range choices {
			policy = choose(tb, policy, choice)
		}
		return policy
	})
}

func choose(tb testing.TB, policy, choice string) string {
	tb.Helper()
	name, _, _ := strings.Cut(choice, ":")
	lines := strings.Split(policy, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), name+":") {
			lines[i] = choice
			return strings.Join(lines, "\n")
		}
	}
	tb.Fatalf("policy.cue has no line for %s", name)
	return ""
}

// edited returns the repository's module with edits in the files that match pattern.
func edited(tb testing.TB, pattern string, edit func(content string) string) fs.FS {
	tb.Helper()
	return rendertest.Edit(tb, nufi.Module(), pattern, func(_, content string) string { return edit(content) })
}

func TestCompileChecksPolicyAndAcceleratorsAgainstTheirSchemas(t *testing.T) {
	const atom = "schemas/accelerators/atom.cue"
	for name, c := range map[string]struct{ file, from, to string }{
		"policy of another type":    {policyFile, "graceSeconds: 120", `graceSeconds: "120"`},
		"policy out of bounds":      {policyFile, "graceSeconds: 120", "graceSeconds: 1"},
		"policy above an int32":     {policyFile, "minRequests: 50", "minRequests: 4294967297"},
		"unknown policy":            {policyFile, "allowed: {", "allowed: {\n\t\tuser: []"},
		"unknown list of a project": {policyFile, `projects: {"ml-serving": allowed: serviceAccounts: ["llama"]}`, `projects: a: allowed: {users: []}`},
		"invalid project name":      {policyFile, `projects: {"ml-serving": allowed: serviceAccounts: ["llama"]}`, `projects: A: {}`},
		"image of a project, old":   {policyFile, `projects: {`, `projects: {a: images: atom: "vllm-rbln:v0.9.2", `},
		"rollout of no pod":         {policyFile, `projects: {`, `projects: {a: rollout: plain: {maxSurge: 0, maxUnavailable: "0%"}, `},
		"cache of an unknown kind":  {policyFile, `projects: {`, `projects: {a: modelCache: kind: "NFS", `},
		"cache of a directory":      {policyFile, `enforce: "privileged"`, `enforce: "baseline"`},
		"missing policy":            {policyFile, `podMonitor: "None"`, ""},
		"unknown fact":              {atom, "memoryGiB:", "memory: 16\n\tmemoryGiB:"},
		"image of an old server":    {policyFile, "vllm-rbln:v0.11.0", "vllm-rbln:v0.9.2"},
		"preset that does not fit":  {"schemas/policy/presets.cue", `count: 4`, `count: 1`},
		"missing fact":              {atom, `resource: "rebellions.ai/npu"`, ""},
		"missing list":              {atom, "env: []", ""},
		"undefined capability":      {atom, `"Ray"`, `"ray"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := edited(t, c.file, func(content string) string { return strings.Replace(content, c.from, c.to, 1) })
			if _, err := render.Compile(module); err == nil {
				t.Error("no error")
			}
		})
	}
}

// A candidate may depend on another module, which must not be downloaded.
func TestCompileSendsNoRequestToARegistry(t *testing.T) {
	var requests atomic.Int32
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.NotFound(w, r)
	}))
	t.Cleanup(registry.Close)
	t.Setenv("CUE_REGISTRY", strings.TrimPrefix(registry.URL, "http://")+"+insecure")
	module := edited(t, "cue.mod/module.cue", func(content string) string {
		return content + `deps: "example.com/other@v0": v: "v0.1.0"` + "\n"
	})
	module = rendertest.Edit(t, module, policyFile, func(_, content string) string {
		return strings.Replace(content, "package policy\n", "package policy\n\nimport \"example.com/other\"\n\n_other: other.field\n", 1)
	})
	if _, err := render.Compile(module); err == nil || !strings.Contains(err.Error(), "example.com/other") {
		t.Errorf("the error is %v", err)
	}
	if requests.Load() > 0 {
		t.Errorf("the registry received %d requests", requests.Load())
	}
}
