package dashboard

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newHandlers(t *testing.T) *Handlers {
	t.Helper()
	h, err := New(Options{Clock: time.Now, Streams: rest.NewStreams(rest.StreamOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, target string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// show renders the list of rows.
func show(t *testing.T, h *Handlers, r *http.Request, rows ...row) *httptest.ResponseRecorder {
	t.Helper()
	response := httptest.NewRecorder()
	if err := h.views.write(response, r, "deployments.html", frame{Page: newDeploymentsPage(r, filters{}, 1, rows)}); err != nil {
		t.Fatal(err)
	}
	return response
}

func TestWordsAreCompleteAndUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, key := range sortKeys() {
		used[key] = true
	}
	for _, name := range actionNames() {
		used[name], used["ask."+name], used["effect."+name] = true, true, true
	}
	for _, key := range []string{
		"done.restart", "done.scale", "done.save", "result.None", "result.InPlace", "result.Restart", "result.Delete", "role.Viewer", "role.Editor", "role.Admin", "member.User", "member.Group",
		"source.CompiledIn", "source.Directory",
	} {
		used[key] = true
	}
	for _, name := range tabs() {
		used["tab."+name] = true
	}
	for _, name := range stageNames() {
		used["stage."+name] = true
	}
	for _, progress := range []progress{progressDone, progressCurrent, progressFailed, progressAhead} {
		used["progress."+string(progress)] = true
	}
	for _, state := range status.States() {
		used["state."+string(state)] = true
	}
	pages, err := fs.Glob(files, "pages/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, name := range pages {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`word "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			used[match[1]] = true
		}
	}
	for language, table := range words() {
		for key := range used {
			if table[key] == "" {
				t.Errorf("%s has no word for %s", language, key)
			}
		}
		for key := range table {
			if !used[key] {
				t.Errorf("%s: no page has %s", language, key)
			}
		}
	}
}

func TestLanguageOfRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		target, accepts string
		want            language
	}{
		{"/", "", english},
		{"/", "ko-KR,ko;q=0.9,en;q=0.8", korean},
		{"/", "en-US,en;q=0.9,ko;q=0.8", english},
		{"/", "fr,ko;q=0.5", korean},
		{"/?lang=en", "ko", english},
		{"/?lang=ko", "en", korean},
	} {
		if got := languageOf(get(t, test.target, "Accept-Language", test.accepts)); got != test.want {
			t.Errorf("%s with %q is %s, want %s", test.target, test.accepts, got, test.want)
		}
	}
}

func TestStagesOfDeployment(t *testing.T) {
	t.Parallel()
	condition := func(kind, status, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: metav1.ConditionStatus(status), Reason: reason}
	}
	rendered, applied := condition("Rendered", "True", "Rendered"), condition("Applied", "True", "Applied")
	routed := condition("Endpoint", "True", "Routed")
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		want       string // the first letter of each stage's progress
	}{
		"not observed":       {nil, "CAAAAAA"},
		"invalid":            {[]metav1.Condition{condition("Rendered", "False", v1.ReasonInvalidSpec)}, "FAAAAAA"},
		"conflict":           {[]metav1.Condition{rendered, condition("Applied", "False", v1.ReasonConflict)}, "DFAAAAA"},
		"waits for a device": {[]metav1.Condition{rendered, applied, condition("Available", "False", v1.ReasonNoFreeDevice), routed}, "DDCAAAA"},
		"cannot pull":        {[]metav1.Condition{rendered, applied, condition("Available", "False", v1.ReasonImagePull), routed}, "DDDFAAA"},
		"crashes":            {[]metav1.Condition{rendered, applied, condition("Available", "False", v1.ReasonCrashLoop), routed}, "DDDDFAA"},
		"loads the model":    {[]metav1.Condition{rendered, applied, condition("Available", "False", v1.ReasonStarting), routed}, "DDDDDCA"},
		"host taken": {[]metav1.Condition{
			rendered, applied, condition("Available", "True", v1.ReasonAvailable), condition("Endpoint", "False", v1.ReasonHostTaken),
		}, "DDDDDDF"},
		"ready": {[]metav1.Condition{
			rendered, applied, condition("Available", "True", v1.ReasonAvailable), routed, condition("Ready", "True", v1.ReasonReady),
		}, "DDDDDDD"},
	} {
		stages, stopped := stagesOf(&v1.NpuDeploy{Status: v1.NpuDeployStatus{Conditions: test.conditions}})
		var letters strings.Builder
		for _, stage := range stages {
			letters.WriteString(string(stage.Progress[:1]))
		}
		if got := letters.String(); got != test.want || (stopped == nil) != (name == "ready") {
			t.Errorf("%s: %s, want %s; stopped: %v", name, got, test.want, stopped)
		}
	}
}

func TestTerminalCodesAreRemoved(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x1b[31mred\x1b[0m\n":                "red\n",
		"\x1b]0;title\x07a\x1bcb":             "ab",
		"a\tb\r\n\x00<script>\u009b\u202e[1m": "a\tb\n<script>[1m",
	} {
		if got := plainText(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestListSelectsCountsAndSorts(t *testing.T) {
	t.Parallel()
	rows := []row{
		{Name: "b", Project: "ml", Model: "org/Llama", State: status.StateReady, Accelerator: "atom"},
		{Name: "c", Project: "ml", Model: "org/qwen", State: status.StateError, Accelerator: "x330"},
		{Name: "a", Project: "search", Model: "org/llama", State: status.StateError, Accelerator: "atom"},
	}
	for _, test := range []struct {
		filters filters
		want    string // names, and the number of errors
	}{
		{filters{Sort: "project"}, "bca 2"},
		{filters{Sort: "name"}, "abc 2"},
		{filters{Query: "LLAMA", Sort: "project"}, "ba 1"},
		{filters{State: "Ready", Sort: "project"}, "b 2"},
		{filters{Project: "ml", Sort: "state"}, "cb 1"},
		{filters{Accelerator: "x330", Sort: "project"}, "c 1"},
	} {
		p := newDeploymentsPage(get(t, "/"), test.filters, 1, rows)
		var names []string
		for _, row := range p.Rows {
			names = append(names, row.Name)
		}
		if got := fmt.Sprint(strings.Join(names, ""), " ", p.Counts[0].Count); got != test.want {
			t.Errorf("%+v: %q, want %q", test.filters, got, test.want)
		}
	}
}

func TestListIsPaged(t *testing.T) {
	t.Parallel()
	rows := make([]row, pageSize+1)
	r := get(t, "/?q=&sort=name")
	if p := newDeploymentsPage(r, filters{}, 1, rows); len(p.Rows) != pageSize || p.NextURL != "/?page=2&q=&sort=name" || p.FirstURL != "" {
		t.Errorf("the first page has %d rows and %q", len(p.Rows), p.NextURL)
	}
	if p := newDeploymentsPage(r, filters{}, 2, rows); len(p.Rows) != 1 || p.NextURL != "" || p.FirstURL == "" {
		t.Errorf("the second page has %d rows and %q", len(p.Rows), p.NextURL)
	}
	if p := newDeploymentsPage(r, filters{}, 1<<60, rows); len(p.Rows) != 0 {
		t.Errorf("a page after the last has %d rows", len(p.Rows))
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>alert(1)</script>`
	deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{
		URL:        "javascript:alert(1)",
		Conditions: []metav1.Condition{{Type: "Available", Status: "False", Reason: v1.ReasonCrashLoop, Message: hostile}},
	}}
	deploy.Spec.Model = hostile
	page := show(t, newHandlers(t), get(t, "/"), newRow(deploy, time.Now())).Body.String()
	if strings.Contains(page, "<script>") || strings.Contains(page, "javascript:") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error(page)
	}
}

func TestPagesLoadOnlyTheirOwnFiles(t *testing.T) {
	t.Parallel()
	h := newHandlers(t)
	response := show(t, h, get(t, "/"))
	if policy := response.Header().Get("Content-Security-Policy"); policy != contentPolicy {
		t.Error(policy)
	}
	page := response.Body.String()
	if !strings.Contains(page, h.assets[0].path) || !strings.Contains(page, h.assets[1].path) ||
		regexp.MustCompile(`(?i)<style|<script>| style=| on\w+=`).MatchString(page) {
		t.Error(page)
	}
}

func TestBrowserWithoutCredentialsIsSentToLogin(t *testing.T) {
	t.Parallel()
	next := func(w http.ResponseWriter, _ *http.Request, status int, _ string) { w.WriteHeader(status) }
	for name, test := range map[string]struct {
		target, accepts string
		status, want    int
	}{
		"page":          {"/?q=a&lang=ko", "text/html,*/*", http.StatusUnauthorized, http.StatusFound},
		"JSON client":   {"/", "application/json", http.StatusUnauthorized, http.StatusUnauthorized},
		"route of REST": {"/api/v1/me", "text/html", http.StatusUnauthorized, http.StatusUnauthorized},
		"another error": {"/", "text/html", http.StatusServiceUnavailable, http.StatusServiceUnavailable},
	} {
		response := httptest.NewRecorder()
		RedirectToLogin(next)(response, get(t, test.target, "Accept", test.accepts), test.status, "")
		if response.Code != test.want {
			t.Errorf("%s: %d, want %d", name, response.Code, test.want)
		}
		if location := response.Header().Get("Location"); test.want == http.StatusFound && location != "/login?return=%2F%3Fq%3Da%26lang%3Dko" {
			t.Errorf("%s: redirected to %s", name, location)
		}
	}
}

func TestFilesOfPagesAreSmall(t *testing.T) {
	t.Parallel()
	limits := map[string]int{"style.css": 15 << 10, "script.js": 25 << 10} // bytes, compressed
	for _, file := range newHandlers(t).assets {
		var compressed bytes.Buffer
		writer := gzip.NewWriter(&compressed)
		if _, err := writer.Write(file.content); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(file.path, "-")
		if limit := limits[name]; compressed.Len() > limit {
			t.Errorf("%s has %d bytes, want at most %d", name, compressed.Len(), limit)
		}
	}
}

func TestLineOfAField(t *testing.T) {
	t.Parallel()
	const text = "kind: NpuDeploy\nspec:\n  model: a\n  inferenceServer:\n    env:\n    - name: A\n    - name: B\n  accelerator: {count: 3}\n"
	for path, want := range map[string]int{
		"spec.model": 3, "spec.inferenceServer.env[1].name": 7, "spec.accelerator.count": 8, "spec.endpoint.host": 2, "metadata": 0, "": 0,
	} {
		if got := lineOf(text, path); got != want {
			t.Errorf("%s is at line %d, want %d", path, got, want)
		}
	}
	if got := lineOf("a: [", "a"); got != 0 {
		t.Errorf("a field of no YAML is at line %d", got)
	}
}

func TestLogoutIsOfferedToSessions(t *testing.T) {
	t.Parallel()
	const form = `<form method="post" action="/logout">`
	h := newHandlers(t)
	if body := show(t, h, get(t, "/")).Body.String(); strings.Contains(body, form) {
		t.Error("a request without a session gets a button to log out")
	}
	if body := show(t, h, get(t, "/", "Cookie", "__Host-nufi-session=sealed")).Body.String(); !strings.Contains(body, form) {
		t.Errorf("the page lacks %s: %s", form, body)
	}
}
