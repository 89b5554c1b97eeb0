package problem_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
)

func TestKubernetesErrorsBecomeProblems(t *testing.T) {
	t.Parallel()
	kind := schema.GroupKind{Group: "dudaji.com", Kind: "NpuDeploy"}
	for name, test := range map[string]struct {
		err    error
		status int
		retry  string
		fields []problem.FieldError
	}{
		"Kubernetes' API server is unreachable": {&url.Error{Op: "Get", URL: "https://secret", Err: syscall.ECONNREFUSED}, 503, "5", nil},
		"it times out":                          {fmt.Errorf("getting: %w", context.DeadlineExceeded), 503, "5", nil},
		"it is overloaded":                      {apierrors.NewTooManyRequests("busy", 7), 429, "7", nil},
		"it has no leader":                      {apierrors.NewServiceUnavailable("etcd"), 503, "5", nil},
		"it rejects the server":                 {apierrors.NewUnauthorized("Unauthorized"), 503, "5", nil},
		"unknown fields of a create": {
			apierrors.NewBadRequest(`Project in version "v1" cannot be handled as a Project: strict decoding error: unknown field "spec.a", duplicate field "spec.b"`), 422, "",
			[]problem.FieldError{{Field: "spec.a", Message: "unknown field"}, {Field: "spec.b", Message: "duplicate field"}},
		},
		"unknown fields of an apply": {
			&apierrors.StatusError{ErrStatus: metav1.Status{Code: 500, Message: "failed to create typed patch object (a/b; dudaji.com/v1, Kind=NpuDeploy): errors:\n  .spec.a: field not declared in schema\n  .spec.b: expected string, got &value.valueUnstructured{Value:7}"}}, 422, "",
			[]problem.FieldError{{Field: "spec.a", Message: "unknown field"}, {Field: "spec.b", Message: "expected string"}},
		},
		"an invalid field": {
			apierrors.NewInvalid(kind, "a", field.ErrorList{field.Required(field.NewPath("spec", "model"), "say it")}), 422, "",
			[]problem.FieldError{{Field: "spec.model", Message: "Required value: say it"}},
		},
		"fields that the schema of a CRD rejects": {
			apierrors.NewInvalid(kind, "a", field.ErrorList{
				field.Invalid(field.NewPath("spec", "count"), -1, "spec.count in body should be greater than or equal to 0"),
				field.Invalid(field.NewPath("spec", "cpu"), "abc", `spec.cpu in body should match '^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$'`),
				field.Invalid(field.NewPath("spec", "hosts").Index(0), "B", `spec.hosts[0] in body should match '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$'`),
				field.Invalid(field.NewPath("spec", "name"), "B", "spec.name in body should match '^a$'"),
			}), 422, "",
			[]problem.FieldError{
				{Field: "spec.count", Message: "Invalid value: -1: should be greater than or equal to 0"},
				{Field: "spec.cpu", Message: `Invalid value: "abc": should be a quantity, such as 4, 500m or 16Gi`},
				{Field: "spec.hosts[0]", Message: `Invalid value: "B": should be a DNS name in lower case`},
				{Field: "spec.name", Message: `Invalid value: "B": should match '^a$'`},
			},
		},
		"a violation of the templates": {
			&render.Error{Violations: []render.Violation{{Path: "spec.accelerator.count", Message: "too many"}}}, 422, "",
			[]problem.FieldError{{Field: "spec.accelerator.count", Message: "too many"}},
		},
		"the body is too large": {fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 1}), 413, "", nil},
		"an unexpected error":   {errors.New("secret detail"), 500, "", nil},
	} {
		p, expected := problem.From(test.err)
		if expected != (test.status != http.StatusInternalServerError) {
			t.Errorf("%s: expected is %v", name, expected)
		}
		w := httptest.NewRecorder()
		problem.Write(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a%0Ab?token=secret", nil), p)
		if w.Code != test.status || w.Header().Get("Retry-After") != test.retry {
			t.Errorf("%s: %d, Retry-After %q, want %d, %q", name, w.Code, w.Header().Get("Retry-After"), test.status, test.retry)
		}
		if strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), `"instance":"/a%0Ab"`) {
			t.Errorf("%s: the body is %s", name, w.Body)
		}
		if !slices.Equal(p.Errors, test.fields) {
			t.Errorf("%s: the fields are %v, want %v", name, p.Errors, test.fields)
		}
	}
}
