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

func names(t *testing.T, r reply) []string {
	t.Helper()
	found := []string{}
	for _, item := range r.json(t)["items"].([]any) {
		name, _, _ := unstructured.NestedString(item.(map[string]any), "metadata", "name")
		found = append(found, name)
	}
	return found
}

// since is a list's parameter: not older than this answer.
func since(r reply) string { return "resourceVersion=" + strings.Trim(r.header.Get("ETag"), `"`) }

func TestAListHasWhatWasWrittenAndPagesInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var last reply
	for _, name := range []string{"c", "a", "d", "b"} {
		last = s.create(name)
	}
	for _, path := range []string{"?", "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D" + s.namespace + "&"} {
		path += since(last) + "&limit=2"
		first := s.ask("vic", http.MethodGet, path, "").want(t, http.StatusOK)
		next, _ := field(t, first, "metadata", "continue").(string)
		s.create("aa") // before where the next page begins
		second := s.ask("vic", http.MethodGet, path+"&continue="+next, "").want(t, http.StatusOK)
		if got := append(names(t, first), names(t, second)...); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: the pages are %v", path, got)
		}
		if more := field(t, second, "metadata", "continue"); more != nil {
			t.Errorf("%s: the last page has a next: %v", path, more)
		}
		s.ask("ann", http.MethodDelete, "aa", "").want(t, http.StatusAccepted)
		last = s.create("z") // later than that deletion
		s.ask("ann", http.MethodDelete, "z", "").want(t, http.StatusAccepted)
	}
}

func TestAListHasObjectsAsKubernetesHasThem(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created := s.create("a")
	list := s.ask("vic", http.MethodGet, "?"+since(created), "").want(t, http.StatusOK)
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

func TestAListIsSelectedFrom(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.create("a")
	last := s.create("b")
	for selector, want := range map[string]int{
		"labelSelector=team%3Dsearch": 2, "labelSelector=team%21%3Dsearch": 0, "fieldSelector=metadata.name%3Db": 1,
		"fieldSelector=metadata.name%21%3Db": 1, "fieldSelector=metadata.namespace%3Delsewhere": 0, "labelSelector=team": 2,
	} {
		if got := names(t, s.ask("vic", http.MethodGet, "?"+since(last)+"&"+selector, "").want(t, http.StatusOK)); len(got) != want {
			t.Errorf("%s: %v", selector, got)
		}
	}
}

// Two people with rights in one namespace each, and one with none.
func TestAListOfAllNamespacesHasThoseThatThePersonMayList(t *testing.T) {
	t.Parallel()
	s, other := newStage(t), newStage(t)
	s.create("mine")
	last := other.create("theirs")
	other.bind("bob", "nufi-view")
	for person, want := range map[string][]string{"vic": {"mine", "theirs"}, "bob": {"theirs"}} {
		for _, namespace := range []string{s.namespace, other.namespace} {
			s.ask(person, http.MethodGet, "/api/v1/npudeploys?fieldSelector=metadata.namespace%3D"+namespace, "").want(t, http.StatusOK)
		}
		list := s.ask(person, http.MethodGet, "/api/v1/npudeploys?"+since(last), "").want(t, http.StatusOK)
		for _, name := range want {
			if !slices.Contains(names(t, list), name) {
				t.Errorf("%s sees %v, want %s in it", person, names(t, list), name)
			}
		}
		if person == "bob" && strings.Contains(string(list.body), s.namespace) {
			t.Errorf("bob sees %s", list.body)
		}
		if version := field(t, list, "metadata", "resourceVersion"); version != nil {
			t.Errorf("%s may not list everywhere, and has a version to resume after: %v", person, version)
		}
	}
}

func TestNothingIsVisibleButWhatMayBeListed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.ask("vic", http.MethodGet, "?"+since(s.create("a")), "").want(t, http.StatusOK)
	for name, want := range map[string]bool{"vic": true, "bob": false} {
		person, err := auth.NewUser(name, []string{"people"})
		if err != nil {
			t.Fatal(err)
		}
		client, err := s.users.Client(person)
		if err != nil {
			t.Fatal(err)
		}
		found, err := npudeploys.Visible(t.Context(), knownCluster(t), client)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(found, func(d v1.NpuDeploy) bool { return d.Namespace == s.namespace }); got != want {
			t.Errorf("%s sees it: %t, want %t", name, got, want)
		}
	}
}

func TestAMadeUpTokenShowsNothingMore(t *testing.T) {
	t.Parallel()
	s, other := newStage(t), newStage(t)
	last := other.create("theirs")
	s.create("a")
	for _, token := range []string{"Lw", "YS9i", strings.Repeat("Ly8v", 100)} { // "/", "a/b", "///" and so on
		got := s.ask("vic", http.MethodGet, "?"+since(last)+"&continue="+token, "").want(t, http.StatusOK)
		if strings.Contains(string(got.body), other.namespace) {
			t.Errorf("%s: %s", token, got.body)
		}
	}
	for _, token := range []string{"%20", "YQ", "L", "%00"} {
		s.ask("vic", http.MethodGet, "?continue="+token, "").want(t, http.StatusBadRequest).problem(t)
	}
}

func TestAListThatIsNotThereYetIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	late := s.ask("vic", http.MethodGet, "?resourceVersion=99999999999999999999", "").want(t, http.StatusGatewayTimeout)
	if late.header.Get("Retry-After") == "" || late.problem(t).Detail == "" {
		t.Errorf("nothing says when to come back: %s", late.body)
	}
}
