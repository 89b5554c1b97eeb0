package api_test

import (
	"net/http"
	"reflect"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// resourceQuota returns the manifest of a Project's ResourceQuota.
func resourceQuota(name, uid string) string {
	return `{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "of-` + uid[:4] + `", "ownerReferences": [
		{"apiVersion": "dudaji.com/v1", "kind": "Project", "name": "` + name + `", "uid": "` + uid + `", "controller": true}]},
		"spec": {"hard": {"requests.rebellions.ai/ATOM": "8", "requests.rebellions.ai/npu": "8", "requests.cpu": "64", "requests.nvidia.com/gpu": "0"}}}`
}

func TestQuotaIsListedByResourceAndByAccelerator(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	uid := field(t, s.awaitProject("vera"), "metadata", "uid").(string)
	quota := func(user string) map[string]any {
		return s.do(user, http.MethodGet, s.mine("/quota"), "").Want(http.StatusOK).JSON()
	}
	kubectl(s, resourceQuota("another", "0000"), "apply", "-f", "-")
	if got := quota("vera"); len(got["resources"].([]any)) != 0 || len(got["accelerators"].([]any)) != 0 {
		t.Errorf("without a quota of its own: %v", got)
	}
	kubectl(s, resourceQuota(s.Namespace, uid), "apply", "-f", "-")
	kubectl(s, `{"status": {"used": {"requests.rebellions.ai/ATOM": "2", "requests.rebellions.ai/npu": "1", "requests.cpu": "1500m"}}}`,
		"patch", "resourcequota", "of-"+uid[:4], "--subresource=status", "--type=merge", "--patch-file", "-")
	want := map[string]any{
		"resources": []any{
			map[string]any{"resource": "requests.cpu", "hard": "64", "used": "1500m"},
			map[string]any{"resource": "requests.nvidia.com/gpu", "hard": "0"},
			map[string]any{"resource": "requests.rebellions.ai/ATOM", "hard": "8", "used": "2"},
			map[string]any{"resource": "requests.rebellions.ai/npu", "hard": "8", "used": "1"},
		},
		"accelerators": []any{
			map[string]any{"type": "atom", "hard": 8.0, "used": 3.0},
			map[string]any{"type": "nvidia", "hard": 0.0, "used": 0.0},
		},
	}
	for _, user := range []string{"ada", "eve", "vera"} {
		if got := quota(user); !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %v", user, got)
		}
	}
}

func TestQuotaRequiresPermissionInTheNamespace(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.do("mallory", http.MethodGet, s.mine("/quota"), "").Want(http.StatusForbidden).Problem()
	missing := s.do("root", http.MethodGet, s.mine("/quota"), "").Want(http.StatusForbidden).Problem().Missing
	if missing == nil || missing.Verb != "list" || missing.Resource != "resourcequotas" || missing.Namespace != s.Namespace {
		t.Errorf("missing is %v", missing)
	}
	s.grant("root", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"resourcequotas"}, Verbs: []string{"list"}})
	s.do("root", http.MethodGet, s.mine("-nowhere")+"/quota", "").Want(http.StatusNotFound)
}
