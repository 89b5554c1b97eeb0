package api_test

import (
	"net/http"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func secretRule(verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs}
}

func TestSecretsAreListedAndDeletedWhereTheServerMay(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.Install("bundle/apiserver/secrets_role.yaml")
	s.Grant(secretRule("list", "delete"), s.Namespace, "ann")
	kubectl(s, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hub"}, "stringData": {"token": "secret-1", "other": "secret-2"}}`, "create", "-f", "-")
	path := "/api/v1/namespaces/" + s.Namespace + "/secrets"
	s.Await("the right to list Secrets", func() bool {
		return s.do("ann", http.MethodGet, path, "").Status == http.StatusNotImplemented
	})
	s.do("ann", http.MethodDelete, path+"/hub", "").Want(http.StatusNotImplemented).Problem()
	s.BindSubjects("nufi-apiserver-secrets", s.Namespace, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "nufi-system", Name: "nufi-apiserver"})
	var body string
	s.Await("the server's right to list Secrets", func() bool {
		got := s.do("ann", http.MethodGet, path, "")
		body = strings.TrimSpace(string(got.Body))
		return got.Status == http.StatusOK
	})
	if want := `{"secrets":[{"name":"hub","type":"Opaque","keys":["other","token"]}]}`; body != want {
		t.Errorf("the Secrets are %s, want %s", body, want)
	}
	if missing := s.do("vic", http.MethodGet, path, "").Want(http.StatusForbidden).Problem().Missing; missing == nil || missing.Verb != "list" {
		t.Errorf("the missing permission is %v", missing)
	}
	if missing := s.do("vic", http.MethodDelete, path+"/hub", "").Want(http.StatusForbidden).Problem().Missing; missing == nil || missing.Verb != "delete" {
		t.Errorf("the missing permission is %v", missing)
	}
	s.do("ann", http.MethodDelete, path+"/hub?dryRun=All", "").Want(http.StatusAccepted)
	s.do("ann", http.MethodDelete, path+"/hub", "").Want(http.StatusAccepted)
	s.do("ann", http.MethodDelete, path+"/hub", "").Want(http.StatusNotFound).Problem()
	elsewhere := s.NewNamespace()
	s.Grant(secretRule("list"), elsewhere, "ann")
	s.AwaitStatus(http.StatusNotImplemented, "ann", http.MethodGet, strings.Replace(path, s.Namespace, elsewhere, 1), "")
}

func TestSecretsAreWriteOnly(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.Grant(secretRule("create", "update"), s.Namespace, "ann")
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
	const response = `{"name":"hugging-face","keys":["other","token"]}`
	if status, body := put("ann", "", "secret-1", "If-None-Match", "*"); status != http.StatusCreated || body != response {
		t.Errorf("created: %d %s", status, body)
	}
	if got := stored(); got != `Opaque {"other":"Yg==","token":"c2VjcmV0LTE="}` {
		t.Errorf("the Secret is %s", got)
	}
	if status, body := put("ann", "", "secret-2", "If-None-Match", "*"); status != http.StatusPreconditionFailed {
		t.Errorf("created again: %d %s", status, body)
	}
	if status, body := put("ann", "", "secret-3"); status != http.StatusOK || body != response || !strings.Contains(stored(), "c2VjcmV0LTM=") {
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
	if strings.Contains(s.Log.String(), "secret-") || !strings.Contains(s.Log.String(), "write secret") {
		t.Errorf("the log is %s", s.Log)
	}
}
