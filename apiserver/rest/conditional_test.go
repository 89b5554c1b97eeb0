package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// requestWith returns a request with values of one header.
func requestWith(t *testing.T, method, address, header string, values ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, address, nil)
	for _, value := range values {
		r.Header.Add(header, value)
	}
	return r
}

func stored() *v1.NpuDeploy {
	return &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{
		Name: "a", UID: types.UID("u"), ResourceVersion: "7", Generation: 2, Labels: map[string]string{"team": "red"},
	}}
}

func TestIfMatchAcceptsOneTag(t *testing.T) {
	t.Parallel()
	for value, accepted := range map[string]bool{
		`*`: true, `"7"`: true, `"7-0123456789abcdef"`: true,
		``: false, `7`: false, `""`: false, `"7`: false, `"7-"`: false, `"7-0123"`: false, `"7-0123456789ABCDEF"`: false,
		`W/"7"`: false, `"7", "8"`: false, `"*"`: false, `*, "7"`: false, `"-0123456789abcdef"`: false, `"7-0123456789abcdef" `: false,
	} {
		_, err := IfMatch(requestWith(t, http.MethodPut, "/", "If-Match", value))
		checkClientError(t, err)
		if (err == nil) != accepted {
			t.Errorf("If-Match %s: %v, accepted should be %t", value, err, accepted)
		}
	}
	if _, err := IfMatch(requestWith(t, http.MethodPut, "/", "If-Match", `"7"`, `"8"`)); err == nil {
		t.Error("two headers are accepted")
	}
}

// An edit must not fail because the controller has reported a status meanwhile.
func TestPreconditionHoldsUntilAClientWrites(t *testing.T) {
	t.Parallel()
	full, versionOnly := ETag(stored()), `"7"`
	for name, test := range map[string]struct {
		change            func(*v1.NpuDeploy)
		full, versionOnly bool
	}{
		"nothing":             {func(*v1.NpuDeploy) {}, true, true},
		"the status":          {func(d *v1.NpuDeploy) { d.ResourceVersion, d.Status.Replicas = "8", 3 }, true, false},
		"the spec":            {func(d *v1.NpuDeploy) { d.ResourceVersion, d.Generation = "8", 3 }, false, false},
		"a label":             {func(d *v1.NpuDeploy) { d.ResourceVersion, d.Labels["team"] = "8", "blue" }, false, false},
		"an annotation":       {func(d *v1.NpuDeploy) { d.ResourceVersion, d.Annotations = "8", map[string]string{"a": "b"} }, false, false},
		"an owner":            {func(d *v1.NpuDeploy) { d.ResourceVersion, d.OwnerReferences = "8", []metav1.OwnerReference{{UID: "o"}} }, false, false},
		"another of its name": {func(d *v1.NpuDeploy) { d.ResourceVersion, d.UID = "9", "other" }, false, false},
		"the managers of fields": {func(d *v1.NpuDeploy) {
			d.ResourceVersion, d.ManagedFields = "8", []metav1.ManagedFieldsEntry{{Manager: "m"}}
		}, true, false},
	} {
		object := stored()
		test.change(object)
		for tag, want := range map[string]bool{full: test.full, versionOnly: test.versionOnly, "*": true} {
			precondition, err := IfMatch(requestWith(t, http.MethodPut, "/", "If-Match", tag))
			if err != nil {
				t.Fatal(err)
			}
			if got := precondition.Holds(object); got != want {
				t.Errorf("after a change of %s, %s holds: %t, want %t", name, tag, got, want)
			}
		}
	}
}

func TestIfNoneMatchComparesWeakly(t *testing.T) {
	t.Parallel()
	tag := ETag(stored())
	for name, test := range map[string]struct {
		values []string
		want   int
	}{
		"none":               {nil, http.StatusOK},
		"the tag":            {[]string{tag}, http.StatusNotModified},
		"the tag, made weak": {[]string{"W/" + tag}, http.StatusNotModified},
		"any":                {[]string{"*"}, http.StatusNotModified},
		"a list":             {[]string{`"1", ` + tag}, http.StatusNotModified},
		"two headers":        {[]string{`"1"`, tag}, http.StatusNotModified},
		"another version":    {[]string{strings.Replace(tag, "7-", "8-", 1)}, http.StatusOK},
		"the version alone":  {[]string{`"7"`}, http.StatusOK},
		"without quotes":     {[]string{strings.Trim(tag, `"`)}, http.StatusOK},
		"an empty one":       {[]string{""}, http.StatusOK},
	} {
		w := httptest.NewRecorder()
		modified := !NotModified(w, requestWith(t, http.MethodGet, "/", "If-None-Match", test.values...), ETag(stored()))
		if w.Code != test.want || modified != (test.want == http.StatusOK) {
			t.Errorf("%s: status %d, want %d", name, w.Code, test.want)
		}
		if got := w.Header().Get("ETag"); got != tag {
			t.Errorf("%s: ETag %s, want %s", name, got, tag)
		}
	}
}

func TestDryRunHasNoETag(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"/": ETag(stored()), "/?force=true": ETag(stored()), "/?dryRun=All": ""} {
		w := httptest.NewRecorder()
		setETag(w, requestWith(t, http.MethodPut, address, "Accept"), stored())
		if got := w.Header().Get("ETag"); got != want {
			t.Errorf("%s: ETag %q, want %q", address, got, want)
		}
	}
}

// A misspelled parameter must not turn a check into a write.
func TestParametersOfWritesAreReadExactly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ dryRun, force, rejected bool }{
		"/":                       {},
		"/?dryRun=All":            {dryRun: true},
		"/?dryRun=all":            {rejected: true},
		"/?dryRun=":               {rejected: true},
		"/?dryRun=true":           {rejected: true},
		"/?force=true":            {force: true},
		"/?force=false":           {},
		"/?force":                 {rejected: true},
		"/?force=1":               {rejected: true},
		"/?force=TRUE":            {rejected: true},
		"/?dryRun=All&force=true": {dryRun: true, force: true},
	} {
		r := requestWith(t, http.MethodPut, address, "Accept")
		dryRun, dryErr := DryRun(r)
		force, forceErr := Force(r)
		for _, err := range []error{dryErr, forceErr} {
			checkClientError(t, err)
		}
		if dryRun != want.dryRun || force != want.force || (dryErr != nil || forceErr != nil) != want.rejected {
			t.Errorf("%s: dry run %t, %v; force %t, %v; want %+v", address, dryRun, dryErr, force, forceErr, want)
		}
	}
}

func TestResourceVersionIsReadFromAnETag(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "", "0": "0", "12": "12", "12-0123456789abcdef": "12", "-1": "error", "-": "error", "x": "error", "1.5": "error", "1e3": "error", "%2012": "error"} {
		got, err := ResourceVersion(requestWith(t, http.MethodGet, "/?resourceVersion="+value, "Accept"))
		checkClientError(t, err)
		if want == "error" && err == nil || want != "error" && (err != nil || got != want) {
			t.Errorf("%q: %q, %v, want %q", value, got, err, want)
		}
	}
}
