package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func names(t *testing.T, r apitest.Response) []string {
	t.Helper()
	found := []string{}
	for _, item := range r.JSON()["items"].([]any) {
		name, _, _ := unstructured.NestedString(item.(map[string]any), "metadata", "name")
		found = append(found, name)
	}
	return found
}

// since returns a list's parameter: at least as new as this response.
func since(r apitest.Response) string {
	return "resourceVersion=" + strings.Trim(r.Header.Get("ETag"), `"`)
}

func TestListIsUpToDateAndPagesAreInOrder(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	var last apitest.Response
	for _, name := range []string{"c", "a", "d", "b"} {
		last = s.create(name)
	}
	for _, path := range []string{"?", "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D" + s.Namespace + "&"} {
		path += since(last) + "&limit=2"
		first := s.do("vic", http.MethodGet, path, "").Want(http.StatusOK)
		next, _ := field(t, first, "metadata", "continue").(string)
		s.create("aa") // before where the next page begins
		second := s.do("vic", http.MethodGet, path+"&continue="+next, "").Want(http.StatusOK)
		if got := append(names(t, first), names(t, second)...); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: the pages are %v", path, got)
		}
		if more := field(t, second, "metadata", "continue"); more != nil {
			t.Errorf("%s: the last page has a next: %v", path, more)
		}
		s.do("ann", http.MethodDelete, "aa", "").Want(http.StatusAccepted)
		last = s.create("z") // later than that deletion
		s.do("ann", http.MethodDelete, "z", "").Want(http.StatusAccepted)
	}
}

func TestListReturnsCompleteObjects(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	list := s.do("vic", http.MethodGet, "?"+since(created), "").Want(http.StatusOK)
	if got := list.JSON(); got["kind"] != "NpuDeployList" || got["apiVersion"] != "dudaji.com/v1" {
		t.Errorf("the list is a %v of %v", got["kind"], got["apiVersion"])
	}
	item := list.JSON()["items"].([]any)[0]
	if one := s.do("vic", http.MethodGet, "a", "").JSON(); fmt.Sprint(item) != fmt.Sprint(one) {
		t.Errorf("the list has %v\nand the object is %v", item, one)
	}
	if version := field(t, list, "metadata", "resourceVersion"); version == nil {
		t.Error("the list has no version to watch from")
	}
	state := list.JSON()["states"].([]any)[0].(map[string]any)["state"]
	if state != "Pending" || field(t, list, "summary", "total") != 1.0 || field(t, list, "summary", "byState", "Pending") != 1.0 {
		t.Errorf("the state is %v in the summary %v", state, list.JSON()["summary"])
	}
}

func TestListFiltersByLabelFieldStateAndSearch(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	last := s.create("b")
	for selector, want := range map[string]int{
		"labelSelector=team%3Dsearch": 2, "labelSelector=team%21%3Dsearch": 0, "fieldSelector=metadata.name%3Db": 1,
		"fieldSelector=metadata.name%21%3Db": 1, "fieldSelector=metadata.namespace%3Delsewhere": 0, "labelSelector=team": 2,
		"state=Pending,Error": 2, "state=Ready": 0, "search=B": 1, "accelerator=none": 0,
	} {
		if got := names(t, s.do("vic", http.MethodGet, "?"+since(last)+"&"+selector, "").Want(http.StatusOK)); len(got) != want {
			t.Errorf("%s: %v", selector, got)
		}
	}
}

// vic has permissions in both namespaces, and bob in one.
func TestListOfAllNamespacesIsLimitedToPermittedOnes(t *testing.T) {
	t.Parallel()
	s, other := newFixture(t), newFixture(t)
	s.create("mine")
	last := other.create("theirs")
	other.bind("bob", "nufi-view")
	for user, want := range map[string][]string{"vic": {"mine", "theirs"}, "bob": {"theirs"}} {
		for _, namespace := range []string{s.Namespace, other.Namespace} {
			s.do(user, http.MethodGet, "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D"+namespace, "").Want(http.StatusOK)
		}
		list := s.do(user, http.MethodGet, "/api/v1/npudeploys?"+since(last), "").Want(http.StatusOK)
		for _, name := range want {
			if !slices.Contains(names(t, list), name) {
				t.Errorf("%s sees %v, want %s in it", user, names(t, list), name)
			}
		}
		if user == "bob" && strings.Contains(string(list.Body), s.Namespace) {
			t.Errorf("bob sees %s", list.Body)
		}
		if version := field(t, list, "metadata", "resourceVersion"); version != nil {
			t.Errorf("%s may not list everywhere, and has a version to resume after: %v", user, version)
		}
	}
}

func TestVisibleReturnsOnlyListableNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	for name, want := range map[string]bool{"vic": true, "bob": false} {
		user, err := auth.NewUser(name, []string{"team"})
		if err != nil {
			t.Fatal(err)
		}
		client, err := s.Users.Client(user)
		if err != nil {
			t.Fatal(err)
		}
		found, err := npudeploys.Visible(t.Context(), s.Cache, client)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(found, func(d v1.NpuDeploy) bool { return d.Namespace == s.Namespace }); got != want {
			t.Errorf("%s sees it: %t, want %t", name, got, want)
		}
	}
}

func TestForgedContinueTokenGrantsNothing(t *testing.T) {
	t.Parallel()
	s, other := newFixture(t), newFixture(t)
	last := other.create("theirs")
	s.create("a")
	for _, token := range []string{"Lw", "YS9i", strings.Repeat("Ly8v", 100)} { // "/", "a/b", "///" and so on
		got := s.do("vic", http.MethodGet, "?"+since(last)+"&continue="+token, "").Want(http.StatusOK)
		if strings.Contains(string(got.Body), other.Namespace) {
			t.Errorf("%s: %s", token, got.Body)
		}
	}
	for _, token := range []string{"%20", "YQ", "L", "%00"} {
		s.do("vic", http.MethodGet, "?continue="+token, "").Want(http.StatusBadRequest).Problem()
	}
}

func TestListOfAFutureVersionIsRetryable(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	late := s.do("vic", http.MethodGet, "?resourceVersion=99999999999999999999", "").Want(http.StatusGatewayTimeout)
	if late.Header.Get("Retry-After") == "" || late.Problem().Detail == "" {
		t.Errorf("the response has no Retry-After or detail: %s", late.Body)
	}
}

func TestUnchangedListIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s, other := newFixture(t), newFixture(t)
	last := s.create("a")
	read := s.do("vic", http.MethodGet, "?"+since(last), "").Want(http.StatusOK)
	tag := read.Header.Get("ETag")
	again := s.do("vic", http.MethodGet, "?"+since(other.create("b")), "", "If-None-Match", tag).Want(http.StatusNotModified)
	if len(again.Body) > 0 || again.Header.Get("ETag") != tag {
		t.Errorf("after a change elsewhere, the response is %q with the tag %s instead of %s", again.Body, again.Header.Get("ETag"), tag)
	}
	s.do("bob", http.MethodGet, "", "", "If-None-Match", tag).Want(http.StatusForbidden)
	s.do("vic", http.MethodGet, "?search=none", "", "If-None-Match", tag).Want(http.StatusOK)
	changed := s.do("ann", http.MethodPatch, "a", `{"metadata": {"annotations": {"example.com/note": "new"}}}`).Want(http.StatusOK)
	if got := s.do("vic", http.MethodGet, "?"+since(changed), "", "If-None-Match", tag).Want(http.StatusOK); !strings.Contains(string(got.Body), "example.com/note") {
		t.Errorf("after a change the list is %s", got.Body)
	}
}

// stalled is the response of a client that does not read until it is released.
type stalled struct {
	http.ResponseWriter

	writes  atomic.Int64
	release chan struct{}
}

func (s *stalled) Write(text []byte) (int, error) {
	s.writes.Add(1)
	<-s.release
	return s.ResponseWriter.Write(text)
}

func TestSlowReaderOfAListHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	path := "?" + since(s.create("a"))
	want := s.do("vic", http.MethodGet, path, "").Want(http.StatusOK)
	recorder := httptest.NewRecorder()
	slow, done := &stalled{ResponseWriter: recorder, release: make(chan struct{})}, make(chan struct{})
	go func() {
		defer close(done)
		s.API.ServeHTTP(slow, s.Request(t.Context(), "vic", http.MethodGet, "/api/v1/namespaces/NAMESPACE/npudeploys"+path, ""))
	}()
	s.Await("the list to be written", func() bool { return slow.writes.Load() > 0 })
	last := s.create("b")
	if got := names(t, s.do("vic", http.MethodGet, "?"+since(last), "").Want(http.StatusOK)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("meanwhile another client gets %v", got)
	}
	close(slow.release)
	<-done
	if slow.writes.Load() != 1 || recorder.Header().Get("Content-Length") != strconv.Itoa(recorder.Body.Len()) {
		t.Errorf("the list is written in %d parts with %v", slow.writes.Load(), recorder.Header())
	}
	var listed struct{ Items []any }
	if err := json.Unmarshal(recorder.Body.Bytes(), &listed); err != nil || len(listed.Items) != 1 {
		t.Errorf("the slow client gets %s instead of %s: %v", recorder.Body, want.Body, err)
	}
}
