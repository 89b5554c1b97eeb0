package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/dudaji/nufi/apiserver/problem"
)

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	unknown := make([]string, 60000)
	for i := range unknown {
		unknown[i] = fmt.Sprintf(`unknown field "spec.field%d"`, i)
	}
	unknown[0] = `unknown field "` + strings.Repeat("가", 10000) + `"`
	p, _ := problem.From(apierrors.NewBadRequest("strict decoding error: " + strings.Join(unknown, ", ")))
	w := httptest.NewRecorder()
	problem.Write(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", nil), p)
	var got problem.Error
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) != 100 || !strings.HasSuffix(got.Detail, "; and 59900 more errors") || w.Body.Len() > 64<<10 {
		t.Errorf("%d errors, %d bytes, detail ...%s", len(got.Errors), w.Body.Len(), got.Detail[max(0, len(got.Detail)-60):])
	}
	if len(p.Errors) != 60000 {
		t.Errorf("the problem itself has %d errors", len(p.Errors))
	}
}

func TestDetailNamesFieldsRatherThanObjects(t *testing.T) {
	t.Parallel()
	kind, resource := schema.GroupKind{Group: "dudaji.com", Kind: "NpuDeploy"}, schema.GroupResource{Group: "dudaji.com", Resource: "npudeploys"}
	for want, err := range map[string]error{
		"spec.model: Required value: is missing": apierrors.NewInvalid(kind, "a", field.ErrorList{field.Required(field.NewPath("spec", "model"), "is missing")}),
		"metadata.name: is too long":             apierrors.NewInvalid(kind, "a", field.ErrorList{field.Invalid(nil, field.OmitValueType{}, "metadata.name: is too long")}),
		`spec.model: conflict with "kubectl" using dudaji.com/v1; ?force=true takes these fields over`: apierrors.NewApplyConflict([]metav1.StatusCause{
			{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.model", Message: `conflict with "kubectl" using dudaji.com/v1`},
		}, "Apply failed with 1 conflict"),
		"the object was changed meanwhile: read it again": apierrors.NewConflict(resource, "a", errors.New("the object has been modified; please apply your changes to the latest version and try again")),
		"NpuDeploy a does not exist":                      apierrors.NewNotFound(resource, "a"),
		"NpuDeploy a already exists":                      apierrors.NewAlreadyExists(resource, "a"),
		"namespace b does not exist":                      apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "b"),
		"deployments c does not exist":                    apierrors.NewNotFound(schema.GroupResource{Group: "apps", Resource: "deployments"}, "c"),
		"the cluster does not have this kind":             apierrors.NewGenericServerResponse(http.StatusNotFound, "GET", schema.GroupResource{}, "", "", 0, true),
		"exceeded quota: q":                               apierrors.NewForbidden(resource, "a", errors.New("exceeded quota: q")),
		"Kubernetes' API server is busy":                  apierrors.NewTooManyRequests("etcdserver: too many requests", 1),
		"Kubernetes' API server is unavailable":           apierrors.NewServiceUnavailable("dial tcp 10.0.0.1:2379"),
		"Kubernetes' API server did not respond in time":  apierrors.NewTimeoutError("https://10.0.0.1", 1),
		"the admission webhook deny.example.com does not respond": apierrors.NewInternalError(errors.New(
			`failed calling webhook "deny.example.com": failed to call webhook: Post "https://hook.policy.svc:443/?timeout=10s": dial tcp 10.0.0.1:443: connect: connection refused`)),
		"Kubernetes' API server reports an internal error; the server's log has the request id": apierrors.NewInternalError(errors.New("etcdserver: 10.0.0.1")),
		"Kubernetes' API server does not accept the server's credentials":                       apierrors.NewUnauthorized("10.0.0.1"),
	} {
		if p, _ := problem.From(err); p.Detail != want {
			t.Errorf("%v: %q, want %q", err, p.Detail, want)
		}
	}
}
