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
)

func TestAPersonWithATokenOfTheClustersIsNotImpersonated(t *testing.T) {
	t.Parallel()
	config := server(t)
	namespace := control.Namespace(t)
	admin := administrator(t)
	robot := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}
	if _, err := admin.CoreV1().ServiceAccounts(namespace).Create(t.Context(), robot, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	grant(t, namespace, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "robot", Namespace: namespace}, edits())
	system, err := kube.NewSystemClient(config)
	if err != nil {
		t.Fatal(err)
	}
	reviews := auth.NewTokenReview(system.TokenReviews(), nil, time.Second)
	request := bearing(t, serviceAccountToken(t, admin, namespace, "robot"))
	var person auth.User
	awaitGranted(t, func(context.Context) error {
		person, err = reviews.Authenticate(request)
		return err
	})
	if want := "system:serviceaccount:" + namespace + ":robot"; person.Name() != want {
		t.Errorf("the name is %q, want %q", person.Name(), want)
	}
	user := clientOf(t, newUsers(t, config), person)
	awaitGranted(t, listing(user, namespace))
	wantForbidden(t, "elsewhere", listing(user, control.Namespace(t))(t.Context()), `User "`+person.Name()+`" cannot list`)

	_, err = reviews.Authenticate(bearing(t, serviceAccountToken(t, admin, namespace, "robot", "another-program")))
	if err == nil {
		t.Error("a token for another program is believed")
	}
	_, err = reviews.Authenticate(bearing(t, "nonsense"))
	if err == nil {
		t.Error("nonsense is believed")
	}
}

func bearing(t *testing.T, token string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
