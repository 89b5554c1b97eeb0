package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func names(t *testing.T, r response) []string {
	t.Helper()
	found := []string{}
	for _, item := range r.json(t)["items"].([]any) {
		name, _, _ := unstructured.NestedString(item.(map[string]any), "metadata", "name")
		found = append(found, name)
	}
	return found
}

// since returns a list's parameter: at least as new as this response.
func since(r response) string { return "resourceVersion=" + strings.Trim(r.header.Get("ETag"), `"`) }

func TestListIsUpToDateAndPagesAreInOrder(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	var last response
	for _, name := range []string{"c", "a", "d", "b"} {
		last = s.create(name)
	}
	for _, path := range []string{"?", "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D" + s.namespace + "&"} {
		path += since(last) + "&limit=2"
		first := s.ask("vic", http.MethodGet, path, "").wantStatus(t, http.StatusOK)
		next, _ := field(t, first, "metadata", "continue").(string)
		s.create("aa") // before where the next page begins
		second := s.ask("vic", http.MethodGet, path+"&continue="+next, "").wantStatus(t, http.StatusOK)
		if got := append(names(t, first), names(t, second)...); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: the pages are %v", path, got)
		}
		if more := field(t, second, "metadata", "continue"); more != nil {
			t.Errorf("%s: the last page has a next: %v", path, more)
		}
		s.ask("ann", http.MethodDelete, "aa", "").wantStatus(t, http.StatusAccepted)
		last = s.create("z") // later than that deletion
		s.ask("ann", http.MethodDelete, "z", "").wantStatus(t, http.StatusAccepted)
	}
}

func TestListReturnsCompleteObjects(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	list := s.ask("vic", http.MethodGet, "?"+since(created), "").wantStatus(t, http.StatusOK)
	if got := list.json(t); got["kind"] != "NpuDeployList" || got["apiVersion"] != "dudaji.com/v1" {
		t.Errorf("the list is a %v of %v", got["kind"], got["apiVersion"])
	}
	item := list.json(t)["items"].([]any)[0]
	if one := s.ask("vic", http.MethodGet, "a", "").json(t); fmt.Sprint(item) != fmt.Sprint(one) {
		t.Errorf("the list has %v\nand the object is %v", item, one)
	}
	if version := field(t, list, "metadata", "resourceVersion"); version == nil {
		t.Error("the list has no version to watch from")
	}
}

func TestListSelectors(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	last := s.create("b")
	for selector, want := range map[string]int{
		"labelSelector=team%3Dsearch": 2, "labelSelector=team%21%3Dsearch": 0, "fieldSelector=metadata.name%3Db": 1,
		"fieldSelector=metadata.name%21%3Db": 1, "fieldSelector=metadata.namespace%3Delsewhere": 0, "labelSelector=team": 2,
	} {
		if got := names(t, s.ask("vic", http.MethodGet, "?"+since(last)+"&"+selector, "").wantStatus(t, http.StatusOK)); len(got) != want {
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
		for _, namespace := range []string{s.namespace, other.namespace} {
			s.ask(user, http.MethodGet, "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D"+namespace, "").wantStatus(t, http.StatusOK)
		}
		list := s.ask(user, http.MethodGet, "/api/v1/npudeploys?"+since(last), "").wantStatus(t, http.StatusOK)
		for _, name := range want {
			if !slices.Contains(names(t, list), name) {
				t.Errorf("%s sees %v, want %s in it", user, names(t, list), name)
			}
		}
		if user == "bob" && strings.Contains(string(list.body), s.namespace) {
			t.Errorf("bob sees %s", list.body)
		}
		if version := field(t, list, "metadata", "resourceVersion"); version != nil {
			t.Errorf("%s may not list everywhere, and has a version to resume after: %v", user, version)
		}
	}
}

func TestVisibleReturnsOnlyListableNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.ask("vic", http.MethodGet, "?"+since(s.create("a")), "").wantStatus(t, http.StatusOK)
	for name, want := range map[string]bool{"vic": true, "bob": false} {
		user, err := auth.NewUser(name, []string{"team"})
		if err != nil {
			t.Fatal(err)
		}
		client, err := s.users.Client(user)
		if err != nil {
			t.Fatal(err)
		}
		found, err := npudeploys.Visible(t.Context(), sharedCache(t), client)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(found, func(d v1.NpuDeploy) bool { return d.Namespace == s.namespace }); got != want {
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
		got := s.ask("vic", http.MethodGet, "?"+since(last)+"&continue="+token, "").wantStatus(t, http.StatusOK)
		if strings.Contains(string(got.body), other.namespace) {
			t.Errorf("%s: %s", token, got.body)
		}
	}
	for _, token := range []string{"%20", "YQ", "L", "%00"} {
		s.ask("vic", http.MethodGet, "?continue="+token, "").wantStatus(t, http.StatusBadRequest).problem(t)
	}
}

func TestListOfAFutureVersionIsRetryable(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	late := s.ask("vic", http.MethodGet, "?resourceVersion=99999999999999999999", "").wantStatus(t, http.StatusGatewayTimeout)
	if late.header.Get("Retry-After") == "" || late.problem(t).Detail == "" {
		t.Errorf("the response has no Retry-After or detail: %s", late.body)
	}
}
