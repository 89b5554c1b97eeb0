package kube_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/apiserver/kube"
)

func TestAnAnswerOfWhatAPersonMayDoHoldsForSeconds(t *testing.T) {
	t.Parallel()
	users := newUsers(t, server(t))
	namespace := control.Namespace(t)
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, Name: "oidc:cat"}
	grant(t, namespace, subject, rule("dudaji.com", []string{"npudeploys/scale"}, []string{"patch"}))
	cat := clientOf(t, users, someone(t, "oidc:cat"))
	asked, err := cat.Kubernetes()
	if err != nil {
		t.Fatal(err)
	}
	awaitGranted(t, func(ctx context.Context) error { return may(ctx, asked, namespace) })
	for resource, want := range map[string]bool{"npudeploys/scale": true, "npudeploys": false} {
		can, err := cat.Can(t.Context(), "patch", "dudaji.com", resource, namespace, "llama")
		if err != nil || can != want {
			t.Errorf("patch %s: %t, %v; want %t", resource, can, err, want)
		}
	}
	elsewhere, err := cat.Can(t.Context(), "patch", "dudaji.com", "npudeploys/scale", control.Namespace(t), "llama")
	if err != nil || elsewhere {
		t.Errorf("in another namespace: %t, %v", elsewhere, err)
	}
	// Another client of the same person's has the answer, and of another's has not.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if can, err := clientOf(t, users, someone(t, "oidc:cat")).Can(ended, "patch", "dudaji.com", "npudeploys/scale", namespace, "llama"); !can || err != nil {
		t.Errorf("without asking: %t, %v", can, err)
	}
	if can, err := clientOf(t, users, someone(t, "oidc:dog")).Can(ended, "patch", "dudaji.com", "npudeploys/scale", namespace, "llama"); can || err == nil {
		t.Errorf("another person has the answer: %t, %v", can, err)
	}
}

// may is an error while the person may not scale.
func may(ctx context.Context, person kubernetes.Interface, namespace string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "patch", Group: "dudaji.com", Resource: "npudeploys", Subresource: "scale", Namespace: namespace,
		},
	}}
	answer, err := person.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err == nil && !answer.Status.Allowed {
		err = errors.New("not yet")
	}
	return err
}

// severed is a way to Kubernetes that leads nowhere.
type severed struct{ tries *atomic.Int64 }

func (s severed) RoundTrip(*http.Request) (*http.Response, error) {
	s.tries.Add(1)
	return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
}

// A list asks about each of a thousand namespaces, and may wait seconds for each.
func TestWhoseQuestionDoesNotGetThroughDoesNotAskTheNextAtOnce(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	users, err := kube.NewUsers(server(t), func(http.RoundTripper) http.RoundTripper { return severed{&tries} })
	if err != nil {
		t.Fatal(err)
	}
	for i, ask := range []struct {
		person, namespace string
		tries             int64
	}{{"oidc:cat", "a", 1}, {"oidc:cat", "b", 1}, {"oidc:dog", "a", 2}} {
		_, err := clientOf(t, users, someone(t, ask.person)).Can(t.Context(), "list", "", "pods", ask.namespace, "")
		if !kube.Unreachable(err) || tries.Load() != ask.tries {
			t.Errorf("%d: %d tries, want %d: %v", i, tries.Load(), ask.tries, err)
		}
	}
}
