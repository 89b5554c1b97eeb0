package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
)

// wantClientsFault fails the test unless the error is none, or the client's.
func wantClientsFault(t *testing.T, err error) {
	t.Helper()
	var answer *problem.Error
	if err != nil && (!errors.As(err, &answer) || answer.Status < 400 || answer.Status > 499 || answer.Detail == "") {
		t.Errorf("the error is no client's: %v", err)
	}
}

// bomb is a few lines of YAML that mean 9^10 values.
func bomb() string {
	var text strings.Builder
	text.WriteString("a: &a 1\n")
	for next := 'b'; next < 'l'; next++ {
		fmt.Fprintf(&text, "%c: &%c [%s]\n", next, next, strings.Repeat(fmt.Sprintf("*%c, ", next-1), 9))
	}
	return text.String()
}

func FuzzABodyIsAnObjectOfItsPath(f *testing.F) {
	for _, seed := range []string{
		short("a"), `{"spec": {"description": "\ud83d\ude00 a\/b"}}`, `{"a": 1, "a": 2}`, "spec: {model: a/b}", "metadata: {name: {a: b}}", `{"kind": []}`, "[1]", "null", "", "{", "a: b: c",
		"metadata: {name: a, name: b}", "? [a]\n: b", "- a\n- b", "!!binary aGk=", "a: !!float .nan", "{\"a\": 1e999}",
		"metadata: {managedFields: [1], uid: x, resourceVersion: '7'}\nstatus: 7", strings.Repeat("[", 20000), bomb(), "\x00\xff\ufeff{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(body))
		r = mux.SetURLVars(r, map[string]string{"namespace": "here", "name": "a"})
		deploy, err := api.ReadDeploy(r)
		wantClientsFault(t, err)
		if err != nil {
			return
		}
		if deploy.GetNamespace() != "here" || deploy.GetName() != "a" || deploy.GetKind() != "NpuDeploy" || deploy.GetAPIVersion() != "dudaji.com/v1" {
			t.Errorf("%q is another object than the path's: %v", body, deploy)
		}
		if deploy.GetResourceVersion() != "" || deploy.GetUID() != "" || deploy.GetManagedFields() != nil || deploy.Object["status"] != nil {
			t.Errorf("%q says what is Kubernetes' to say: %v", body, deploy)
		}
	})
}

func FuzzABodyOfOurOwnIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{`{"replicas": 2}`, `{"replicas": 99999999999}`, `{"Replicas": 1}`, `{"replicas": 1, "replicas": 2}`, `[]`, ``, `{"replicas": null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, err := api.ReadScale(httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(body)))
		wantClientsFault(t, err)
	})
}

func FuzzAQueryIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{
		"labelSelector=a%3Db,c%21%3Dd", "labelSelector=((", "fieldSelector=metadata.name%3Da", "fieldSelector=a%0d%0ab", "limit=-1", "limit=1e3",
		"continue=YS9i", "continue=%ff", "resourceVersion=1%0d%0aX: y", "since=1h&tail=5&follow=true", "since=-1s", "since=9223372036854775807ns", "tail=99999999999999999999",
	} {
		f.Add(seed, "namespace", "name")
	}
	f.Fuzz(func(t *testing.T, query, namespace, name string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		for _, err := range api.ReadQuery(r) {
			wantClientsFault(t, err)
		}
		if strings.Contains(namespace, "/") {
			return // no namespace's name has one
		}
		key := live.Key{Namespace: namespace, Name: name}
		if back, err := api.ThereAndBack(key); err != nil || back != key {
			t.Errorf("%v came back as %v, %v", key, back, err)
		}
	})
}
