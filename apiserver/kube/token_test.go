package kube_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/test/harness"
)

func TestUserWithClusterTokenIsNotImpersonated(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	config := h.APIServerConfig()
	namespace := h.Namespace
	h.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "robot"}})
	grant(h, namespace, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "robot", Namespace: namespace}, edits())
	system, err := kube.NewSystemClient(config)
	if err != nil {
		t.Fatal(err)
	}
	reviews := auth.NewTokenReview(system.TokenReviews(), nil, time.Second)
	request := requestWithToken(t, h.Token(namespace, "robot"))
	var user auth.User
	h.AwaitNoError("the grant", func(context.Context) error {
		user, err = reviews.Authenticate(request)
		return err
	})
	if want := "system:serviceaccount:" + namespace + ":robot"; user.Name() != want {
		t.Errorf("the name is %q, want %q", user.Name(), want)
	}
	client := newClient(t, newUsers(t, config), user)
	h.AwaitNoError("the grant", listing(client, namespace))
	wantForbidden(t, "elsewhere", listing(client, h.NewNamespace())(t.Context()), `User "`+user.Name()+`" cannot list`)

	_, err = reviews.Authenticate(requestWithToken(t, h.Token(namespace, "robot", "another-program")))
	if err == nil {
		t.Error("a token for another audience was accepted")
	}
	_, err = reviews.Authenticate(requestWithToken(t, "nonsense"))
	if err == nil {
		t.Error("an invalid token was accepted")
	}
}

func requestWithToken(t *testing.T, token string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
