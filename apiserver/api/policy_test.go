package api_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/archive"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
)

const pathCheck = "/api/v1/policy/check"

// From shorter to longer is a change of policy that restarts every pod.
const shorter, longer = "graceSeconds: 120", "graceSeconds: 240"

// packed are the repository's templates with another text in them, as tar czf makes them.
func packed(t *testing.T, from, to string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	err := fs.WalkDir(nufi.Module(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		text := strings.Replace(string(content), from, to, 1)
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}
		if err := errors.Join(err, writer.WriteHeader(header)); err != nil {
			return err
		}
		_, err = io.WriteString(writer, text)
		return err
	})
	if err := errors.Join(err, writer.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checked is an answer of policy/check.
type checked struct {
	Templates, Serving string
	Effect             render.Effect
	Examined           int
	Deploys, Projects  []plan.Impact
}

// check asks until so many NpuDeploys are known to the server.
func (s *stage) check(person, body string, enough func(checked) bool) checked {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		var got checked
		answer := s.ask(person, http.MethodPost, pathCheck, body).want(s.t, http.StatusOK)
		if err := json.Unmarshal(answer.body, &got); err != nil {
			s.t.Fatal(err)
		}
		if enough(got) {
			return got
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is told %s", person, answer.body)
		}
	}
}

func TestACheckSaysWhatTemplatesWouldDoToWhatThePersonMaySee(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *api.Options) { o.Authenticator = byName{[]string{"ann", "member", "nobody", "watcher"}} })
	other := newStage(t)
	s.bind("member", "nufi-view")
	kubectl(t, s, "", "create", "clusterrolebinding", "check-"+s.namespace, "--clusterrole=nufi-view", "--user=watcher")
	s.create("mine")
	other.create("theirs")

	next := packed(t, shorter, longer)
	got := s.check("member", next, func(c checked) bool { return c.Examined > 0 })
	want := []plan.Impact{{
		Namespace: s.namespace, Name: "mine", Effect: render.Restart,
		Changes: []render.Change{{Object: "deployment/mine", Effect: render.Restart}},
	}}
	if delta := cmp.Diff(want, got.Deploys); delta != "" || got.Effect != render.Restart || got.Examined != 1 || got.Templates == got.Serving {
		t.Errorf("a member is told %v (-want +got):\n%s", got, delta)
	}
	s.check("watcher", next, func(c checked) bool {
		seen := map[string]bool{}
		for _, deploy := range c.Deploys {
			seen[deploy.Namespace] = true
		}
		return seen[s.namespace] && seen[other.namespace] && c.Examined == len(c.Deploys)
	})
	if got := s.check("nobody", next, func(checked) bool { return true }); got.Examined != 0 || got.Deploys == nil || got.Effect != render.None {
		t.Errorf("nobody is told %v", got)
	}
	got = s.check("member", packed(t, "", ""), func(checked) bool { return true })
	if got.Effect != render.None || got.Templates != got.Serving {
		t.Errorf("of the same templates a member is told %v", got)
	}
	if text := s.log.String(); strings.Contains(text, "policy/check") {
		t.Errorf("a check is logged as a change: %s", text)
	}
}

// The Project's default is one that the candidate does not allow.
func TestACheckKnowsWhatDeploymentsFollowOfTheirProject(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.create("a")
	s.project("urgent")
	next := packed(t, "priorityClasses: []", `priorityClasses: ["serving", "batch"]`)
	s.check("ann", next, func(c checked) bool {
		return slices.ContainsFunc(c.Deploys, func(deploy plan.Impact) bool {
			return deploy.Namespace == s.namespace && deploy.Effect == render.Restart
		})
	})
}

func TestACheckComparesTheProjectsThatThePersonSees(t *testing.T) {
	t.Parallel()
	s, other := newProjects(t), newProjects(t)
	next := packed(t, `ingress: "Restrict"`, `ingress: "Open"`)
	got := s.check("ada", next, func(c checked) bool { return len(c.Projects) > 0 })
	want := []plan.Impact{{
		Name: s.namespace, Effect: render.Delete,
		Changes: []render.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}},
	}}
	if delta := cmp.Diff(want, got.Projects); delta != "" || got.Effect != render.Delete {
		t.Errorf("an admin of the project is told %v (-want +got):\n%s", got, delta)
	}
	s.check("root", next, func(c checked) bool {
		seen := func(name string) bool {
			return slices.ContainsFunc(c.Projects, func(project plan.Impact) bool { return project.Name == name })
		}
		return seen(s.namespace) && seen(other.namespace)
	})
	if got := s.check("mallory", next, func(checked) bool { return true }); got.Projects == nil || len(got.Projects) > 0 || got.Effect != render.None {
		t.Errorf("who sees no Project is told %v", got)
	}
}

func TestBrokenTemplatesAreToldWithFileAndLine(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	lines := strings.Count(repositoryFile(t, "schemas/policy/policy.cue"), "\n")
	for edit, want := range map[[2]string]problem.FieldError{
		{shorter, "graceSeconds: 1"}: {Field: placeOf(t, "schema.cue", "graceSeconds!:"), Message: "checked.shutdown.graceSeconds: invalid value 1 (out of bound >=5)"},
		{"policy: {", "policy: {{"}:  {Field: fmt.Sprintf("schemas/policy/policy.cue:%d", lines), Message: "expected '}', found 'EOF'"},
		{"general: [", `general: [if deploy.spec != _|_ {spec: model: error("none")},`}: {Message: "rendering examples/article/npudeploy.yaml: spec.model: none"},
	} {
		answer := s.ask("ann", http.MethodPost, pathCheck, packed(t, edit[0], edit[1])).want(t, http.StatusUnprocessableEntity).problem(t)
		if len(answer.Errors) == 0 || answer.Errors[0] != want {
			t.Errorf("%v: %v, want %v", edit, answer.Errors, want)
		}
	}
}

// placeOf is where a text is in a file of the policy.
func placeOf(t *testing.T, file, text string) string {
	t.Helper()
	before, _, found := strings.Cut(repositoryFile(t, "schemas/policy/"+file), text)
	if !found {
		t.Fatalf("%s has no %q", file, text)
	}
	return fmt.Sprintf("schemas/policy/%s:%d", file, strings.Count(before, "\n")+1)
}

func TestHostileArchivesAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *api.Options) { o.Limits.Check.BodyBytes = 100 << 10 })
	for name, c := range map[string]struct {
		body, media string
		status      int
	}{
		"no archive":         {"hello", archive.Gzip, http.StatusBadRequest},
		"half of one":        {packed(t, "", "")[:5000], archive.Gzip, http.StatusBadRequest},
		"of another kind":    {packed(t, "", ""), archive.Zip, http.StatusBadRequest},
		"no kind of archive": {packed(t, "", ""), "text/plain", http.StatusUnsupportedMediaType},
		"too large":          {strings.Repeat("a", 100<<10+1), archive.Tar, http.StatusRequestEntityTooLarge},
		"too large unpacked": {packed(t, "policy: {", strings.Repeat("\n", 9<<20)), archive.Gzip, http.StatusRequestEntityTooLarge},
	} {
		answer := s.ask("ann", http.MethodPost, pathCheck, c.body, "Content-Type", c.media).want(t, c.status).problem(t)
		if answer.Detail == "" {
			t.Errorf("%s: the problem says nothing", name)
		}
	}
}

// Evaluating CUE has no end of its own.
func TestEndlessTemplatesAreEnded(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *api.Options) { o.Limits.Check.Time = 5 * time.Second })
	endless := packed(t, "_noAccelerator: {", `_slow: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a == b {a}]
_noAccelerator: {`)
	answer := s.ask("ann", http.MethodPost, pathCheck, endless).want(t, http.StatusUnprocessableEntity).problem(t)
	if !strings.Contains(answer.Detail, "not evaluated within 5s") {
		t.Errorf("the problem is %q", answer.Detail)
	}
}

func TestChecksAreBoundedForEachPersonAndInAll(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *api.Options) { o.Limits.User.PerSecond, o.Limits.User.Burst = 1000, 1000 })
	body := packed(t, "", "")
	held := map[string]func() reply{}
	for _, person := range []string{"ann", "vic"} {
		held[person] = s.hold(person, body)
		for end := time.Now().Add(30 * time.Second); ; { // until the server has begun
			if got := s.ask(person, http.MethodPost, pathCheck, "hello"); got.status == http.StatusTooManyRequests {
				if got.problem(t); got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s has two checks at a time", person)
			}
		}
		if got := s.ask("bob", http.MethodPost, pathCheck, "hello").status; (got == http.StatusTooManyRequests) != (person == "vic") {
			t.Errorf("while %d are being checked, another is answered %d", len(held), got)
		}
	}
	for person, finish := range held {
		if got := finish(); got.status != http.StatusOK {
			t.Errorf("%s, who was first, is answered %d %s", person, got.status, got.body)
		}
	}
	s.ask("bob", http.MethodPost, pathCheck, body).want(t, http.StatusOK)
}

// hold sends all of a body but the last byte. What it returns sends that too.
func (s *stage) hold(person, body string) func() reply {
	s.t.Helper()
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+pathCheck, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+person)
	answered := make(chan reply, 1)
	go func() {
		defer close(answered)
		answered <- do(s.t, request)
	}()
	if _, err := io.WriteString(writer, body[:len(body)-1]); err != nil {
		s.t.Fatal(err)
	}
	return func() reply {
		_, err := io.WriteString(writer, body[len(body)-1:])
		if err := errors.Join(err, writer.Close()); err != nil {
			s.t.Fatal(err)
		}
		return <-answered
	}
}
