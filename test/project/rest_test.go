package project_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/dudaji/nufi/test/harness/apitest"
)

// Members are set over REST, and the controller grants them their rights.
func TestMemberAddedOverRESTHasAccessUntilRemoved(t *testing.T) {
	f := newFixture(t)
	f.Bind("cluster-admin", "", "root")
	s := apitest.Start(f.Harness)
	const project, deploys, eve = "/api/v1/projects/NAMESPACE", "/api/v1/namespaces/NAMESPACE/npudeploys", "eve@example.com"
	member := project + "/members?kind=User&name=" + url.QueryEscape(eve)
	s.AwaitStatus(http.StatusCreated, "root", http.MethodPost, "/api/v1/projects",
		`{"metadata": {"name": "`+f.name+`"}, "spec": {"quota": {"accelerators": [{"type": "atom", "count": 2}]}}}`)
	s.AwaitStatus(http.StatusOK, "root", http.MethodPut, member, `{"role": "Editor"}`)

	s.AwaitStatus(http.StatusCreated, eve, http.MethodPost, deploys, `{"metadata": {"name": "web"}, "spec": {"model": "org/model"}}`)
	s.AwaitStatus(http.StatusOK, eve, http.MethodGet, project, "")
	s.AwaitResponse("eve's projects", func(r apitest.Response) bool {
		return reflect.DeepEqual(r.JSON()["projects"], []any{map[string]any{"name": f.name, "displayName": f.name, "role": "Editor"}})
	}, eve, http.MethodGet, "/api/v1/me", "")
	s.AwaitResponse("the quota to be counted", func(r apitest.Response) bool {
		return reflect.DeepEqual(r.JSON()["accelerators"], []any{map[string]any{"type": "atom", "hard": 2.0, "used": 0.0}})
	}, eve, http.MethodGet, project+"/quota", "")

	s.AwaitStatus(http.StatusAccepted, "root", http.MethodDelete, member, "")
	s.AwaitStatus(http.StatusForbidden, eve, http.MethodGet, project, "")
	s.AwaitStatus(http.StatusForbidden, eve, http.MethodGet, deploys+"/web", "")

	s.AwaitStatus(http.StatusConflict, "root", http.MethodDelete, project, "")
	s.AwaitStatus(http.StatusAccepted, "root", http.MethodDelete, project+"?confirm="+f.name, "")
	s.AwaitStatus(http.StatusNotFound, "root", http.MethodGet, deploys+"/web", "")
}
