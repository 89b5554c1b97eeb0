package apply_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// answer is the end of a write that does not reach the API server.
type answer func() (*http.Response, error)

// refuse returns an answer that is a Kubernetes Status.
func refuse(code int, reason metav1.StatusReason, causes ...metav1.StatusCause) answer {
	return refuseWith("the server's message", code, reason, causes...)
}

func refuseWith(text string, code int, reason metav1.StatusReason, causes ...metav1.StatusCause) answer {
	return func() (*http.Response, error) {
		body, err := json.Marshal(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
			Code: int32(code), Reason: reason, Message: text, Details: &metav1.StatusDetails{Causes: causes},
		})
		return &http.Response{
			StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		}, err
	}
}

func forbidden(text string) answer {
	return refuseWith(text, http.StatusForbidden, metav1.StatusReasonForbidden)
}

func unreachable() (*http.Response, error) { return nil, syscall.ECONNREFUSED }

func TestAnswerIsClassified(t *testing.T) {
	f := newFixture(t)
	immutable := metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.selector", Message: "Invalid value: {}: field is immutable"}
	conflict := metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.ports", Message: `conflict with "helm" using v1`}
	invalid := metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.ports", Message: "Invalid value: 0"}
	for name, test := range map[string]struct {
		answer   answer
		reason   string
		text     string // part of the message
		terminal bool
	}{
		"no answer":                 {unreachable, v1.ReasonApplyFailed, "connection refused", false},
		"too many requests":         {refuse(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests), v1.ReasonApplyFailed, "the server's message", false},
		"unavailable":               {refuse(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable), v1.ReasonApplyFailed, "the server's message", false},
		"an internal error":         {refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError), v1.ReasonApplyFailed, "the server's message", false},
		"a 500 without a reason":    {refuse(http.StatusInternalServerError, metav1.StatusReasonUnknown), v1.ReasonRejected, "the server's message", false},
		"expired credentials":       {refuse(http.StatusUnauthorized, metav1.StatusReasonUnauthorized), v1.ReasonApplyFailed, "the server's message", false},
		"a missing namespace":       {refuse(http.StatusNotFound, metav1.StatusReasonNotFound), v1.ReasonApplyFailed, "the server's message", false},
		"a concurrent write":        {refuse(http.StatusConflict, metav1.StatusReasonConflict), v1.ReasonApplyFailed, "the server's message", false},
		"forbidden":                 {refuse(http.StatusForbidden, metav1.StatusReasonForbidden), v1.ReasonRejected, "the server's message", false},
		"a missing right":           {forbidden(`services "web" is forbidden: User "nufi" cannot patch resource "services" in API group "" in the namespace "n"`), v1.ReasonApplyFailed, `User "nufi" cannot patch`, false},
		"a denial by admission":     {forbidden(`services "web" is forbidden: exceeded quota`), v1.ReasonRejected, "exceeded quota", false},
		"a terminating namespace":   {refuse(http.StatusForbidden, metav1.StatusReasonForbidden, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause}), v1.ReasonTerminating, "its namespace is being deleted", true},
		"invalid":                   {refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, invalid), v1.ReasonRejected, "the server's message", false},
		"immutable":                 {refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, invalid, immutable), v1.ReasonImmutable, "spec.selector cannot change", true},
		"a field of another's":      {refuse(http.StatusConflict, metav1.StatusReasonConflict, conflict), v1.ReasonConflict, `"helm" manages .spec.ports`, false},
		"a conflict without a name": {refuse(http.StatusConflict, metav1.StatusReasonConflict, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: "conflict"}), v1.ReasonConflict, "exists and is not owned", false},
	} {
		f.answer = test.answer
		changed, err := f.apply(aService)
		reason, text := apply.Explain(err)
		after, terminal := apply.Retry(err)
		if reason != test.reason || !strings.HasPrefix(text, "Service web: ") || !strings.Contains(text, test.text) {
			t.Errorf("%s: %s: %q, want %s with %q", name, reason, text, test.reason, test.text)
		}
		if after != 0 || terminal != test.terminal || changed != "" {
			t.Errorf("%s: retry after %s, terminal %t; changed %q", name, after, terminal, changed)
		}
	}
	f.answer = nil
	f.wantApply("created Service web", aService)
}

func TestUnreachableAPIServerEndsTheApply(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.answer = unreachable
	sent := f.requests.Load()
	// Both would be written, and the Service would be pruned.
	_, err := f.apply(with(aServiceAccount, "automountServiceAccountToken: false", "automountServiceAccountToken: true"), aDeployment)
	if unavailable := (*apply.UnavailableError)(nil); !errors.As(err, &unavailable) || unavailable.Ref.Kind != "ServiceAccount" {
		t.Fatalf("error %v", err)
	}
	if got := f.requests.Load() - sent; got != 1 {
		t.Errorf("%d requests to an unreachable API server, want 1", got)
	}
	f.answer = nil
	f.wantApply("configured ServiceAccount web, created Deployment web, pruned Service web",
		with(aServiceAccount, "automountServiceAccountToken: false", "automountServiceAccountToken: true"), aDeployment)
}

func TestExplainOrdersReasonsByWhatAUserCanDo(t *testing.T) {
	t.Parallel()
	ref := apply.Ref{GroupVersionKind: service, Name: "web"}
	notAllowed, immutable := &manifests.NotAllowedError{Kind: ref.Kind, Name: ref.Name, Message: "no"}, &apply.ImmutableError{Ref: ref, Field: "spec.a"}
	rejected, conflict := &apply.RejectedError{Ref: ref, Message: "bad"}, &apply.ConflictError{Ref: ref}
	notInstalled, deleting := &apply.NotInstalledError{Ref: ref}, &apply.DeletingError{Ref: ref}
	unlisted := &apply.UnlistedError{Ref: ref, Err: errors.New("listing objects of kind Service: forbidden")}
	contested := &apply.ContestedError{Kind: "Service", Name: "web", RetryAfter: time.Minute}
	soon := &apply.ContestedError{Kind: "Service", Name: "web", Manager: "argocd", Field: ".spec", RetryAfter: time.Second}
	for name, test := range map[string]struct {
		err      error
		reason   string
		text     string
		after    time.Duration
		terminal bool
	}{
		"none":                   {nil, v1.ReasonApplied, "", 0, false},
		"unknown":                {errors.New("broken"), v1.ReasonApplyFailed, "broken", 0, false},
		"contested":              {contested, v1.ReasonContested, "Service web: another client keeps overwriting it", time.Minute, false},
		"contested twice":        {errors.Join(contested, soon), v1.ReasonContested, `Service web: another client keeps overwriting it; Service web: "argocd" keeps overwriting .spec`, time.Second, false},
		"not installed":          {fmt.Errorf("applying: %w", notInstalled), v1.ReasonKindNotInstalled, "Service web: the API server does not serve kind Service of v1: install it, or use another kind in the spec or the policy", 0, true},
		"not listed":             {unlisted, v1.ReasonApplyFailed, "Service web: the controller cannot use it: listing objects of kind Service: forbidden", 0, true},
		"two terminal ones":      {errors.Join(notInstalled, immutable), v1.ReasonImmutable, "Service web: spec.a cannot change once set: undo the change, or delete the object yourself; " + notInstalled.Error(), 0, true},
		"one that retries":       {errors.Join(contested, rejected, notAllowed), v1.ReasonKindNotAllowed, "Service web: no; Service web: bad; " + contested.Error(), 0, false},
		"contested and terminal": {errors.Join(immutable, contested), v1.ReasonImmutable, immutable.Error() + "; " + contested.Error(), time.Minute, false},
		"conflict first":         {errors.Join(deleting, conflict), v1.ReasonConflict, "Service web: exists and is not owned; Service web: waiting for its deletion to end", 0, false},
		"a controller's":         {&apply.ConflictError{Ref: ref, Owner: "web", ControlledBy: "Deployment other"}, v1.ReasonConflict, "Service web: exists and is not owned: it is controlled by Deployment other", 0, false},
		"another manager's":      {&apply.ConflictError{Ref: ref, Owner: "web", Manager: "helm"}, v1.ReasonConflict, `Service web: exists and is not owned: "helm" manages it; annotate it with dudaji.com/adopt=web to let it be adopted`, 0, false},
	} {
		if reason, text := apply.Explain(test.err); reason != test.reason || text != test.text {
			t.Errorf("%s: %s: %q, want %s: %q", name, reason, text, test.reason, test.text)
		}
		if after, terminal := apply.Retry(test.err); after != test.after || terminal != test.terminal {
			t.Errorf("%s: retry after %s, terminal %t; want %s, %t", name, after, terminal, test.after, test.terminal)
		}
	}
}

func TestWithoutLeavesTheOtherObjectsInOrder(t *testing.T) {
	f := newFixture(t)
	set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), f.parse(aServiceAccount, aService, aDeployment))
	if err != nil {
		t.Fatal(err)
	}
	kinds := func(s *apply.ObjectSet) (kinds []string) {
		for _, ref := range s.Refs() {
			kinds = append(kinds, ref.Kind)
		}
		return kinds
	}
	rest := set.Without(func(ref apply.Ref) bool { return ref.Kind == "Service" })
	if got := kinds(rest); !slices.Equal(got, []string{"ServiceAccount", "Deployment"}) {
		t.Errorf("the rest is %v", got)
	}
	if got := kinds(set); !slices.Equal(got, []string{"ServiceAccount", "Service", "Deployment"}) {
		t.Errorf("the set became %v", got)
	}
}
