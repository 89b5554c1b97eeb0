package kube_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/test/harness"
)

func TestAccessReviewIsCached(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	users := newUsers(t, h.APIServerConfig())
	namespace := h.Namespace
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, Name: "oidc:cat"}
	grant(h, namespace, subject, rule("dudaji.com", []string{"npudeploys/scale"}, []string{"patch"}))
	cat := newClient(t, users, newUser(t, "oidc:cat"))
	kubernetes, err := cat.Kubernetes()
	if err != nil {
		t.Fatal(err)
	}
	h.AwaitNoError("the grant", func(ctx context.Context) error { return checkMayScale(ctx, kubernetes, namespace) })
	for resource, want := range map[string]bool{"npudeploys/scale": true, "npudeploys": false} {
		can, err := cat.Can(t.Context(), "patch", "dudaji.com", resource, namespace, "llama")
		if err != nil || can != want {
			t.Errorf("patch %s: %t, %v; want %t", resource, can, err, want)
		}
	}
	elsewhere, err := cat.Can(t.Context(), "patch", "dudaji.com", "npudeploys/scale", h.NewNamespace(), "llama")
	if err != nil || elsewhere {
		t.Errorf("in another namespace: %t, %v", elsewhere, err)
	}
	// Clients of the same user share the cache, those of another user do not.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if can, err := newClient(t, users, newUser(t, "oidc:cat")).Can(ended, "patch", "dudaji.com", "npudeploys/scale", namespace, "llama"); !can || err != nil {
		t.Errorf("from the cache: %t, %v", can, err)
	}
	if can, err := newClient(t, users, newUser(t, "oidc:dog")).Can(ended, "patch", "dudaji.com", "npudeploys/scale", namespace, "llama"); can || err == nil {
		t.Errorf("for another user: %t, %v", can, err)
	}
}

// checkMayScale returns an error while the user may not scale.
func checkMayScale(ctx context.Context, user kubernetes.Interface, namespace string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "patch", Group: "dudaji.com", Resource: "npudeploys", Subresource: "scale", Namespace: namespace,
		},
	}}
	reviewed, err := user.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err == nil && !reviewed.Status.Allowed {
		err = errors.New("not allowed yet")
	}
	return err
}

// unreachable is a transport that never reaches Kubernetes.
type unreachable struct{ tries *atomic.Int64 }

func (u unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	u.tries.Add(1)
	return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
}

// A list may review access to a thousand namespaces, and each may take seconds to fail.
func TestFailedAccessReviewBacksOffPerUser(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	users, err := kube.NewUserClients(&rest.Config{Host: "https://127.0.0.1:1"}, func(http.RoundTripper) http.RoundTripper { return unreachable{&tries} })
	if err != nil {
		t.Fatal(err)
	}
	for i, review := range []struct {
		user, namespace string
		tries           int64
	}{{"oidc:cat", "a", 1}, {"oidc:cat", "b", 1}, {"oidc:dog", "a", 2}} {
		_, err := newClient(t, users, newUser(t, review.user)).Can(t.Context(), "list", "", "pods", review.namespace, "")
		if !kube.Unreachable(err) || tries.Load() != review.tries {
			t.Errorf("%d: %d tries, want %d: %v", i, tries.Load(), review.tries, err)
		}
	}
}

// waiting is a transport that allows everything, after release is closed.
type waiting struct {
	tries   *atomic.Int64
	release chan struct{}
}

func (w waiting) RoundTrip(*http.Request) (*http.Response, error) {
	w.tries.Add(1)
	<-w.release
	return &http.Response{
		StatusCode: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": {"allowed": true}}`)),
	}, nil
}

// All requests of a user need a new review at the same moment when the last one expires.
func TestConcurrentRequestsShareAnAccessReview(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := waiting{&atomic.Int64{}, make(chan struct{})}
		users, err := kube.NewUserClients(&rest.Config{Host: "https://127.0.0.1:1"}, func(http.RoundTripper) http.RoundTripper { return w })
		if err != nil {
			t.Fatal(err)
		}
		first, cancel := context.WithCancel(t.Context())
		go func() {
			if can, err := newClient(t, users, newUser(t, "oidc:cat")).Can(first, "list", "", "pods", "a", ""); can || !errors.Is(err, context.Canceled) {
				t.Errorf("of a request that ended: %t, %v", can, err)
			}
		}()
		synctest.Wait()
		for range 10 {
			go func() {
				if can, err := newClient(t, users, newUser(t, "oidc:cat")).Can(t.Context(), "list", "", "pods", "a", ""); !can || err != nil {
					t.Errorf("%t, %v", can, err)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(w.release)
		synctest.Wait()
		if got := w.tries.Load(); got != 1 {
			t.Errorf("%d reviews, want 1", got)
		}
	})
}
