package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestSecretsAreWriteOnly(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	kubectl(s, `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "write-secrets"},
		"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "update", "delete"]}]}`, "create", "-f", "-")
	kubectl(s, `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "write-secrets"},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "write-secrets"},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}]}`, "create", "-f", "-")
	path := "/api/v1/namespaces/" + s.Namespace + "/secrets/hugging-face"
	put := func(user, query, value string, headers ...string) (status int, body string) {
		got := s.do(user, http.MethodPut, path+query, `{"data": {"token": "`+value+`", "other": "b"}}`, headers...)
		return got.Status, strings.TrimSpace(string(got.Body))
	}
	s.Await("the right to write secrets", func() bool {
		status, _ := put("ann", "?dryRun=All", "secret-0")
		return status == http.StatusCreated
	})
	stored := func() string {
		return s.Kubectl("get", "secret", "hugging-face", "-n", s.Namespace, "-o", "jsonpath={.type} {.data}")
	}
	const answer = `{"name":"hugging-face","keys":["other","token"]}`
	if status, body := put("ann", "", "secret-1", "If-None-Match", "*"); status != http.StatusCreated || body != answer {
		t.Errorf("created: %d %s", status, body)
	}
	if got := stored(); got != `Opaque {"other":"Yg==","token":"c2VjcmV0LTE="}` {
		t.Errorf("the Secret is %s", got)
	}
	if status, body := put("ann", "", "secret-2", "If-None-Match", "*"); status != http.StatusPreconditionFailed {
		t.Errorf("created again: %d %s", status, body)
	}
	if status, body := put("ann", "", "secret-3"); status != http.StatusOK || body != answer || !strings.Contains(stored(), "c2VjcmV0LTM=") {
		t.Errorf("replaced: %d %s", status, body)
	}
	if status, body := put("vic", "", "secret-4"); status != http.StatusForbidden || !strings.Contains(body, `"resource":"secrets"`) {
		t.Errorf("without the right: %d %s", status, body)
	}
	s.do("ann", http.MethodGet, path, "").Want(http.StatusMethodNotAllowed).Problem()
	for _, body := range []string{`{}`, `{"data": {}}`, `{"data": {"a/b": "secret-5"}}`} {
		if got := s.do("ann", http.MethodPut, path, body).Want(http.StatusUnprocessableEntity); strings.Contains(string(got.Body), "secret-5") {
			t.Errorf("an error has the value: %s", got.Body)
		}
	}
	s.do("ann", http.MethodDelete, path+"?dryRun=All", "").Want(http.StatusAccepted)
	s.do("ann", http.MethodDelete, path, "").Want(http.StatusAccepted)
	s.do("ann", http.MethodDelete, path, "").Want(http.StatusNotFound).Problem()
	if strings.Contains(s.Log.String(), "secret-") || !strings.Contains(s.Log.String(), "write secret") {
		t.Errorf("the log is %s", s.Log)
	}
}
