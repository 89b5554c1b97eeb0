package api_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestManifestsOfALiveNpuDeploy(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	manifests := func(query string) map[string]any {
		return s.do("vic", http.MethodGet, "a/manifests"+query, "").Want(http.StatusOK).JSON()
	}
	preview := s.preview(deployJSON("a"))
	for range 2 { // the second time from the cache
		got := manifests("")
		if !reflect.DeepEqual(got["manifests"], preview["manifests"]) || got["templates"] != preview["templates"] || got["sources"] != nil {
			t.Errorf("the manifests are %v\nand those of a preview are %v", got, preview)
		}
	}
	if got := manifests("?sources=true"); len(got["sources"].([]any)) == 0 {
		t.Error("there are no sources")
	}
	s.do("ann", http.MethodPost, "", strings.Replace(deployJSON("b"), `"count": 2`, `"count": 3`, 1)).Want(http.StatusCreated)
	invalid := s.do("vic", http.MethodGet, "b/manifests", "").Want(http.StatusUnprocessableEntity).Problem()
	if len(invalid.Errors) != 1 || invalid.Errors[0].Field != "spec.accelerator.count" {
		t.Errorf("what does not render is %v", invalid)
	}
	s.do("vic", http.MethodGet, "none/manifests", "").Want(http.StatusNotFound).Problem()
}

func TestDeletionListsTheDeletedObjects(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	body := strings.Replace(deployJSON("a"), `"spec": {`, `"spec": {"modelCache": {"claimName": "models"}, `, 1)
	s.do("ann", http.MethodPost, "", body).Want(http.StatusCreated)
	status := `{"status": {"url": "http://a.example.com"}}`
	kubectl(s, status, "patch", "npudeploy", "a", "--subresource=status", "--type=merge", "--patch-file", "-")
	want := fmt.Sprintf(`{"objects":[%s,%s,%s],"url":"http://a.example.com","claims":[{"name":"models","deleted":false}]}`,
		`{"group":"","kind":"ServiceAccount","name":"a"}`, `{"group":"","kind":"Service","name":"a"}`, `{"group":"apps","kind":"Deployment","name":"a"}`)
	if got := strings.TrimSpace(string(s.do("vic", http.MethodGet, "a/deletion", "").Want(http.StatusOK).Body)); got != want {
		t.Errorf("the deletion is %s, want %s", got, want)
	}
}
