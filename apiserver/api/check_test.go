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
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/test/harness/apitest"
)

const checkPath = "/api/v1/policy/check"

// Changing shorter to longer restarts every pod.
const shorter, longer = "graceSeconds: 120", "graceSeconds: 240"

// packTemplates returns the repository's templates as tar.gz, with a text replaced.
func packTemplates(t *testing.T, from, to string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	isReplaced := from == ""
	err := fs.WalkDir(nufi.Module(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		text := strings.Replace(string(content), from, to, 1)
		isReplaced = isReplaced || text != string(content)
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
	if !isReplaced {
		t.Fatalf("no template contains %q", from)
	}
	return out.String()
}

// checkResponse is a response of policy/check.
type checkResponse struct {
	Templates, Serving string
	Effect             render.Effect
	Examined           int
	Deploys, Projects  []plan.Impact
	Waves              []rollout.Preview
}

// check repeats a check until its response is complete.
func (s *fixture) check(user, body string, enough func(checkResponse) bool) checkResponse {
	s.Helper()
	var got checkResponse
	s.Await("a complete response for "+user, func() bool {
		got = checkResponse{}
		response := s.do(user, http.MethodPost, checkPath, body).Want(http.StatusOK)
		if err := json.Unmarshal(response.Body, &got); err != nil {
			s.Fatal(err)
		}
		return enough(got)
	})
	return got
}

func TestCheckReportsTheEffectOnVisibleNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Authenticator = named([]string{"ann", "member", "guest", "watcher"}...) })
	other := newFixture(t)
	s.bind("member", "nufi-view")
	kubectl(s, "", "create", "clusterrolebinding", "check-"+s.Namespace, "--clusterrole=nufi-view", "--user=watcher")
	s.create("mine")
	other.create("theirs")

	next := packTemplates(t, shorter, longer)
	got := s.check("member", next, func(c checkResponse) bool { return c.Examined > 0 })
	want := []plan.Impact{{
		Namespace: s.Namespace, Name: "mine", Effect: render.Restart,
		Changes: []render.Change{{Object: "deployment/mine", Effect: render.Restart}},
	}}
	if delta := cmp.Diff(want, got.Deploys); delta != "" || got.Effect != render.Restart || got.Examined != 1 || got.Templates == got.Serving {
		t.Errorf("a member gets %v (-want +got):\n%s", got, delta)
	}
	if len(got.Waves) != 1 || !slices.Equal(got.Waves[0].Deploys, []string{s.Namespace + "/mine"}) {
		t.Errorf("the waves are %v", got.Waves)
	}
	s.check("watcher", next, func(c checkResponse) bool {
		seen := map[string]bool{}
		for _, deploy := range c.Deploys {
			seen[deploy.Namespace] = true
		}
		return seen[s.Namespace] && seen[other.Namespace] && c.Examined == len(c.Deploys)
	})
	if got := s.check("guest", next, func(checkResponse) bool { return true }); got.Examined != 0 || got.Deploys == nil || got.Effect != render.None {
		t.Errorf("a user without permissions gets %v", got)
	}
	got = s.check("member", packTemplates(t, "", ""), func(checkResponse) bool { return true })
	if got.Effect != render.None || got.Templates != got.Serving {
		t.Errorf("of the same templates a member gets %v", got)
	}
	for line := range strings.Lines(s.Log.String()) { // A slow check has a line, too.
		if strings.Contains(line, "Served a change") && strings.Contains(line, "policy/check") {
			t.Errorf("a check is logged as a change: %s", line)
		}
	}
}

// The candidate does not allow the default priority class of the Project.
func TestCheckRendersWithProjectSettings(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	s.project("urgent")
	next := packTemplates(t, "priorityClasses: []", `priorityClasses: ["serving", "batch"]`)
	s.check("ann", next, func(c checkResponse) bool {
		return slices.ContainsFunc(c.Deploys, func(deploy plan.Impact) bool {
			return deploy.Namespace == s.Namespace && deploy.Effect == render.Restart
		})
	})
}

func TestCheckReportsTheEffectOnVisibleProjects(t *testing.T) {
	t.Parallel()
	s, other := newProjects(t), newProjects(t)
	next := packTemplates(t, `ingress: "Restrict"`, `ingress: "Open"`)
	got := s.check("ada", next, func(c checkResponse) bool { return len(c.Projects) > 0 })
	want := []plan.Impact{{
		Name: s.Namespace, Effect: render.Delete,
		Changes: []render.Change{{Object: "networkpolicy/nufi-project", Effect: render.Delete}},
	}}
	if delta := cmp.Diff(want, got.Projects); delta != "" || got.Effect != render.Delete {
		t.Errorf("an admin of the project gets %v (-want +got):\n%s", got, delta)
	}
	s.check("root", next, func(c checkResponse) bool {
		seen := func(name string) bool {
			return slices.ContainsFunc(c.Projects, func(project plan.Impact) bool { return project.Name == name })
		}
		return seen(s.Namespace) && seen(other.Namespace)
	})
	if got := s.check("mallory", next, func(checkResponse) bool { return true }); got.Projects == nil || len(got.Projects) > 0 || got.Effect != render.None {
		t.Errorf("a user who sees no Project gets %v", got)
	}
}

func TestCheckReportsErrorsWithFileAndLine(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	lines := strings.Count(s.File("schemas/policy/policy.cue"), "\n")
	for edit, want := range map[[2]string]problem.FieldError{
		{shorter, "graceSeconds: 1"}:  {Field: positionOf(s, "policy.cue", shorter), Message: "checked.shutdown.graceSeconds: invalid value 1 (out of bound >=5)"},
		{"policy: {", "policy: {{"}:   {Field: fmt.Sprintf("schemas/policy/policy.cue:%d", lines), Message: "expected '}', found 'EOF'"},
		{`kind:       "Service"`, ""}: {Message: "rendering examples/article/npudeploy.yaml: rendering: objects.service has no kind"},
	} {
		response := s.do("ann", http.MethodPost, checkPath, packTemplates(t, edit[0], edit[1])).Want(http.StatusUnprocessableEntity).Problem()
		if len(response.Errors) == 0 || response.Errors[0] != want {
			t.Errorf("%v: %v, want %v", edit, response.Errors, want)
		}
	}
}

// positionOf returns the position of a text in a file of the policy.
func positionOf(s *fixture, file, text string) string {
	s.Helper()
	before, _, found := strings.Cut(s.File("schemas/policy/"+file), text)
	if !found {
		s.Fatalf("%s has no %q", file, text)
	}
	return fmt.Sprintf("schemas/policy/%s:%d", file, strings.Count(before, "\n")+1)
}

func TestCheckRejectsHostileArchives(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.Check.BodyBytes = 100 << 10 })
	for name, c := range map[string]struct {
		body, media string
		status      int
	}{
		"no archive":         {"hello", archive.Gzip, http.StatusBadRequest},
		"half of one":        {packTemplates(t, "", "")[:5000], archive.Gzip, http.StatusBadRequest},
		"of another kind":    {packTemplates(t, "", ""), archive.Zip, http.StatusBadRequest},
		"no kind of archive": {packTemplates(t, "", ""), "text/plain", http.StatusUnsupportedMediaType},
		"too large":          {strings.Repeat("a", 100<<10+1), archive.Tar, http.StatusRequestEntityTooLarge},
		"too large unpacked": {packTemplates(t, "policy: {", strings.Repeat("\n", 9<<20)), archive.Gzip, http.StatusRequestEntityTooLarge},
	} {
		response := s.do("ann", http.MethodPost, checkPath, c.body, "Content-Type", c.media).Want(c.status).Problem()
		if response.Detail == "" {
			t.Errorf("%s: the problem has no detail", name)
		}
	}
}

// endless returns templates whose evaluation takes very long.
func endless(t *testing.T) string {
	t.Helper()
	return packTemplates(t, "_policy: policy.policy", `_slow: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a == b {a}]
_policy: policy.policy`)
}

// CUE evaluation has no timeout.
func TestCheckStopsTemplatesThatDoNotTerminate(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.Check.Time = 5 * time.Second })
	response := s.do("ann", http.MethodPost, checkPath, endless(t)).Want(http.StatusUnprocessableEntity).Problem()
	if !strings.Contains(response.Detail, "not evaluated within 5s") {
		t.Errorf("the problem is %q", response.Detail)
	}
}

func TestChecksAreLimitedPerUserAndInTotal(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) {
		o.Limits.User.Burst = 1000
		o.Limits.Check.Time = 10 * time.Second
	})
	body := endless(t)
	ended := make(chan apitest.Response, 2)
	for _, user := range []string{"ann", "vic"} {
		go func() { // again if one of the requests below holds the user's slot
			response := s.do(user, http.MethodPost, checkPath, body)
			for response.Status == http.StatusTooManyRequests {
				response = s.do(user, http.MethodPost, checkPath, body)
			}
			ended <- response
		}()
		s.Await(user+"'s check to run", func() bool {
			got := s.do(user, http.MethodPost, checkPath, "hello")
			if got.Status == http.StatusTooManyRequests && got.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return got.Status == http.StatusTooManyRequests
		})
	}
	s.Await("both checks to run", func() bool {
		return s.do("bob", http.MethodPost, checkPath, "hello").Status == http.StatusTooManyRequests
	})
	for range 2 {
		if got := <-ended; got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a check ends with %d %s", got.Status, got.Body)
		}
	}
	s.do("bob", http.MethodPost, checkPath, "hello").Want(http.StatusBadRequest)
}
