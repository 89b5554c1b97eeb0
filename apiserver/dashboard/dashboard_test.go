package dashboard

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
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
	page := newDeploymentsPage(r, filters{}, 1, &npudeploys.Listing{})
	for _, shown := range rows {
		shown.Language = languageOf(r)
		page.Rows = append(page.Rows, shown)
	}
	response := httptest.NewRecorder()
	if err := h.views.write(response, r, "deployments.html", frame{Page: page}); err != nil {
		t.Fatal(err)
	}
	return response
}

func TestWordsAreCompleteAndUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, key := range npudeploys.SortKeys() {
		used[newColumn(get(t, "/"), key, "").Word] = true
	}
	for _, name := range actionNames() {
		used[name], used["ask."+name], used["effect."+name], used["selection."+name] = true, true, true, true
	}
	for _, key := range []string{
		"backend.Ready", "backend.NotReady", "backend.ScaledToZero", "backend.Missing",
		updateName, "done.update", "role.leader", "role.worker", "role.head", "role.prefill", "role.decode", "role.picker", "done.restart", "done.scale", "done.save", "role.Viewer", "role.Editor", "role.Admin", "member.User", "member.Group",
		"source.CompiledIn", "source.Directory",
	} {
		used[key] = true
	}
	for _, kind := range []render.SourceKind{render.FromUser, render.FromProject, render.FromPolicy, render.FromAccelerator, render.FromTemplate} {
		used["origin."+string(kind)] = true
	}
	for _, field := range formFields() {
		used[field.Name] = true
	}
	for _, key := range []string{"default", "noDevices", "noEndpoint"} { // options of the form
		used[key] = true
	}
	for _, done := range projectDone() {
		used["done."+done] = true
	}
	for _, field := range projectFields(&v1.Project{}, &render.Catalogue{}) {
		used[field.Name] = true
	}
	used["projectConflict"] = true
	inNamespace, inCluster := abilities()
	for _, name := range slices.Concat(inNamespace, inCluster) {
		used[name[0]] = true
	}
	for _, name := range nodeFilters() {
		used[name] = true
	}
	for _, effect := range effects() {
		used["result."+string(effect)] = true
	}
	for state := range rolloutStates() {
		used["rollout."+state] = true
	}
	for _, request := range rollout.Requests() {
		used["request."+string(request)], used["effect."+string(request)], used["requested."+string(request)] = true, true, true
	}
	for _, name := range tabs() {
		used["tab."+name] = true
	}
	for _, chart := range chartNames() {
		used["chart."+chart.name] = true
		for _, series := range chart.series {
			used["series."+string(series)] = true
		}
	}
	for _, reason := range []traffic.Reason{traffic.ReasonNotConfigured, traffic.ReasonUnknownServer, traffic.ReasonUnavailable, traffic.ReasonNoSamples} {
		used["traffic."+string(reason)] = true
	}
	for _, name := range otherTypes() {
		used["condition."+name] = true
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
		"not observed": {nil, "CAAAAAA"},
		"invalid":      {[]metav1.Condition{condition("Rendered", "False", v1.ReasonInvalidSpec)}, "FAAAAAA"},
		"invalid from the beginning": {[]metav1.Condition{
			condition("Rendered", "False", v1.ReasonInvalidSpec), condition("Applied", "False", v1.ReasonNotRendered),
			condition("Available", "False", v1.ReasonNotApplied), condition("Endpoint", "False", v1.ReasonNotApplied),
		}, "FAAAAAA"},
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
		for _, part := range test.conditions {
			if part.Status != metav1.ConditionTrue {
				test.conditions = append(test.conditions, condition("Ready", string(part.Status), part.Reason))
				break
			}
		}
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

func TestBackendsHaveTheirSharesAndPodsTheirGroups(t *testing.T) {
	t.Parallel()
	deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{
		Traffic: []v1.TrafficStatus{
			{Name: "stable", Weight: 2, State: v1.BackendReady}, {Name: "canary", Weight: 1, State: v1.BackendNotReady}, {Name: "old", State: v1.BackendMissing},
		},
	}}
	deploy.Namespace = "ml"
	first, second := int32(0), int32(1)
	pods := []pod{{Name: "c", Group: &second, Role: "worker"}, {Name: "b", Group: &second, Role: "leader"}, {Name: "a", Group: &first, Role: "worker"}}
	slices.SortStableFunc(pods, compareGroups)
	page := &deploymentPage{Tab: "pods", Pods: &podList{Pods: pods}, Backends: backendsOf(deploy)}
	views, err := newViews("", "")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := views.byLanguage[english].ExecuteTemplate(&text, "deployment.html", frame{Language: english, Page: page}); err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`<[^>]*>|\n`).ReplaceAllString(text.String(), " ")
	for _, want := range []string{
		`stable +Ready +2 +67 %`, `canary +Not ready +1 +33 %`, `old +Does not exist +0 +0 %`,
		`a +Group 0 · Worker .* b +Group 1 · Leader .* c +Group 1 · Worker`,
	} {
		if !regexp.MustCompile(want).MatchString(plain) {
			t.Errorf("the page has no %s: %s", want, plain)
		}
	}
	if !strings.Contains(text.String(), `href="/deployments/ml/canary?lang=en"`) {
		t.Error("a backend has no link")
	}
}

func TestPassedStagesHaveTheTimesOfThePods(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	pods := []pod{
		{Scheduled: at(1), Containers: []container{{Pulled: at(4), Started: at(2)}, {Pulled: at(2), Started: at(5)}}},
		{Scheduled: at(3), Containers: []container{{}}},
		{Scheduled: at(8), Containers: []container{{Pulled: at(9), Started: at(9)}}, Deleting: true},
	}
	stages := []stage{
		{Name: "Rendered", Progress: progressDone, Since: at(0)}, {Name: "Scheduled", Progress: progressDone},
		{Name: "Pulled", Progress: progressDone}, {Name: "Started", Progress: progressDone},
	}
	addTimes(stages, pods)
	for i, want := range []time.Time{at(0), at(3), at(4), at(5)} {
		if got := stages[i].Since; !got.Equal(want) {
			t.Errorf("%s has the time %s, want %s", stages[i].Name, got, want)
		}
	}
	pods[0].Containers[0].Pulled, pods[0].Containers[1].Pulled = time.Time{}, time.Time{} // their events have expired
	stages = []stage{{Name: "Scheduled", Progress: progressDone}, {Name: "Pulled", Progress: progressDone}, {Name: "Started", Progress: progressFailed}}
	if addTimes(stages, pods); stages[0].Since.IsZero() || !stages[1].Since.IsZero() || !stages[2].Since.IsZero() {
		t.Errorf("the stages are %+v", stages)
	}
}

func TestPageOfADeploymentHasItsOtherConditions(t *testing.T) {
	t.Parallel()
	deploy := &v1.NpuDeploy{Status: v1.NpuDeployStatus{Conditions: []metav1.Condition{
		{Type: v1.ConditionPromoted, Reason: v1.ReasonRolledBack},
		{Type: v1.ConditionReady, Reason: v1.ReasonReady},
		{Type: v1.ConditionUpdateAvailable, Reason: v1.ReasonUpdateRestarts, Message: "templates sha256:1: <b>"},
	}}}
	views, err := newViews("", "")
	if err != nil {
		t.Fatal(err)
	}
	for language, want := range map[language]string{
		english: "<dt>Update of templates</dt><dd><code>UpdateRestarts</code> templates sha256:1: &lt;b&gt;</dd></div><div><dt>Steps of traffic</dt><dd><code>RolledBack</code>",
		korean:  "<dt>템플릿 업데이트</dt><dd><code>UpdateRestarts</code>",
	} {
		var text strings.Builder
		page := &deploymentPage{Others: otherConditions(deploy)}
		if err := views.byLanguage[language].ExecuteTemplate(&text, "deployment.html", frame{Page: page}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s: the page is %s", language, text.String())
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

func TestFiltersAreReadFromTheQuery(t *testing.T) {
	t.Parallel()
	query, err := url.ParseQuery("q=Llama&project=ml&state=Error&accelerator=atom&templates=sha256:01&sort=-created")
	if err != nil {
		t.Fatal(err)
	}
	f, err := filtersOf(query)
	if want := (filters{"Llama", "ml", "Error", "atom", "sha256:01", "-created"}); err != nil || f != want {
		t.Errorf("the filters are %+v, %v; want %+v", f, err, want)
	}
	deploy := &live.Deploy{NpuDeploy: &v1.NpuDeploy{}, StateSummary: live.StateSummary{State: status.StateError}}
	deploy.Namespace, deploy.Spec.Model, deploy.Status.Templates = "ml", "org/llama", "sha256:0123"
	deploy.Spec.Accelerator = &v1.Accelerator{Type: "atom"}
	if s := f.selection(); !s.MatchesButState(deploy) || !s.MatchesState(deploy) {
		t.Error("a deployment that matches all filters is not selected")
	}
	for _, wrong := range []string{"state=ready", "sort=age", "sort=--name"} {
		query, err := url.ParseQuery(wrong)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filtersOf(query); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

func TestListLinksToItsOtherPagesAndOrders(t *testing.T) {
	t.Parallel()
	r := get(t, "/?page=2&q=&sort=name")
	p := newDeploymentsPage(r, filters{Sort: "name"}, 2, &npudeploys.Listing{Deploys: make([]*live.Deploy, pageSize), Skipped: pageSize, Continue: "more"})
	if p.NextURL != "/?page=3&q=&sort=name" || p.FirstURL != "/?q=&sort=name" || p.First != 101 || p.Last != 200 {
		t.Errorf("the page is %d to %d with %q and %q", p.First, p.Last, p.NextURL, p.FirstURL)
	}
	for key, want := range map[string]column{
		"name":    {"name", "/?q=&sort=-name", "ascending"},
		"model":   {"model", "/?q=&sort=model", ""},
		"created": {"age", "/?q=&sort=-created", ""},
	} {
		if got := p.Columns[key]; got != want {
			t.Errorf("the column %s is %+v, want %+v", key, got, want)
		}
	}
	if got := newColumn(get(t, "/?sort=-created"), "created", "-created"); got.Order != "ascending" || got.URL != "/?sort=created" {
		t.Errorf("the newest first has the column %+v", got)
	}
	if p := newDeploymentsPage(get(t, "/"), filters{}, 1, &npudeploys.Listing{}); p.NextURL != "" || p.FirstURL != "" {
		t.Errorf("the only page links to %q and %q", p.NextURL, p.FirstURL)
	}
}

func TestDevicesOfARowAreThoseInUseOrOfTheSpec(t *testing.T) {
	t.Parallel()
	two, four := int32(2), int32(4)
	deploy := &v1.NpuDeploy{}
	for _, test := range []struct {
		spec   *v1.Accelerator
		status *v1.AcceleratorStatus
		want   string
	}{
		{nil, nil, ""},
		{&v1.Accelerator{Type: "atom"}, nil, "ATOM"},
		{&v1.Accelerator{Type: "atom", Count: &four}, nil, "4 ATOM"},
		{&v1.Accelerator{Type: "atom", Count: &four, Nodes: &two}, nil, "2 × 4 ATOM"},
		{&v1.Accelerator{Type: "atom", Count: &four}, &v1.AcceleratorStatus{Type: "x330", Count: 8}, "8 X330"},
		{nil, &v1.AcceleratorStatus{Type: "atom", Count: 8, Nodes: 3}, "3 × 8 ATOM"},
	} {
		deploy.Spec.Accelerator, deploy.Status.Accelerator = test.spec, test.status
		if got := devicesOf(deploy); got != test.want {
			t.Errorf("the devices are %q, want %q", got, test.want)
		}
	}
}

func TestDraftCountsTheDevicesOfAllNodes(t *testing.T) {
	t.Parallel()
	draft := draftView{Accelerator: &v1.AcceleratorStatus{Type: "atom", Count: 8}, Replicas: 3, Project: &projectCount{Quota: 24}}
	if draft.Total() != 24 || draft.ExceedsQuota() {
		t.Errorf("it has %d devices", draft.Total())
	}
	if draft.Accelerator.Nodes = 2; draft.Total() != 48 || !draft.ExceedsQuota() {
		t.Errorf("on two nodes it has %d devices", draft.Total())
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

func TestErrorPageLinksToItsOwnHost(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"//other.example/x": "/other.example/x",
		"/%2Fother.example": "/%2Fother.example",
		"/a%3Fb":            "/a%3Fb",
	} {
		response := httptest.NewRecorder()
		invalid := problem.New(http.StatusBadRequest, "the query is invalid")
		if err := newHandlers(t).writeError(response, get(t, target+"?lang=en"), invalid); err != nil {
			t.Fatal(err)
		}
		for _, language := range []language{english, korean} {
			if link := `href="` + want + "?lang=" + string(language) + `"`; !strings.Contains(response.Body.String(), link) {
				t.Errorf("%s: the page has no %s", target, link)
			}
		}
	}
}

func TestFilesOfPagesAreSmall(t *testing.T) {
	t.Parallel()
	limits := map[string]int{"style.css": 15 << 10, "script.js": 25 << 10} // bytes, compressed
	for _, file := range newHandlers(t).assets {
		_, name, _ := strings.Cut(file.path, "-")
		if limit := limits[name]; len(file.compressed) > limit {
			t.Errorf("%s has %d bytes, want at most %d", name, len(file.compressed), limit)
		}
	}
}

func TestPagesAreCompressedForClientsThatAcceptIt(t *testing.T) {
	t.Parallel()
	h := newHandlers(t)
	for accepts, want := range map[string]bool{"gzip, deflate, br": true, "br;q=1.0, gzip;q=0.8": true, "gzip;q=0, br": false, "br": false, "": false} {
		response := show(t, h, get(t, "/", "Accept-Encoding", accepts))
		body := response.Body.Bytes()
		if (response.Header().Get("Content-Encoding") == "gzip") != want {
			t.Errorf("for %q the encoding is %q", accepts, response.Header().Get("Content-Encoding"))
		} else if want {
			reader, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(reader); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasSuffix(bytes.TrimSpace(body), []byte("</html>")) {
			t.Errorf("for %q the page is %q", accepts, body)
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
