package kube_test

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func edits() rbacv1.PolicyRule {
	return rule("dudaji.com", []string{"npudeploys"}, []string{"get", "list", "watch", "create", "update", "patch", "delete"})
}

func deployIn(namespace string) *v1.NpuDeploy {
	return &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Name: "llama", Namespace: namespace},
		Spec:       v1.NpuDeploySpec{Model: "meta-llama/Meta-Llama-3.1-8B-Instruct"},
	}
}

func listing(user *kube.UserClient, namespace string) func(context.Context) error {
	return func(ctx context.Context) error {
		return user.List(ctx, &v1.NpuDeployList{}, client.InNamespace(namespace))
	}
}

func wantForbidden(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if !apierrors.IsForbidden(err) {
		t.Errorf("%s: the error is %v, want forbidden", what, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error is %v, want one with %q", what, err, word)
		}
	}
}

func TestUsersPermissionsApply(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	users := newUsers(t, h.APIServerConfig())
	hers, his := h.Namespace, h.NewNamespace()
	grant(h, hers, rbacv1.Subject{Kind: rbacv1.UserKind, Name: "oidc:ann"}, edits())
	grant(h, his, rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "oidc:research"}, edits())
	ann := newClient(t, users, newUser(t, "oidc:ann"))
	bob := newClient(t, users, newUser(t, "oidc:bob", "oidc:staff", "oidc:research"))
	h.AwaitNoError("the grant", listing(ann, hers))
	h.AwaitNoError("the grant", listing(bob, his))

	if err := ann.Create(t.Context(), deployIn(hers)); err != nil {
		t.Error("ann, in her namespace: ", err)
	}
	if err := bob.Create(t.Context(), deployIn(his)); err != nil {
		t.Error("bob, in his group's namespace: ", err)
	}
	wantForbidden(t, "ann in his", ann.Create(t.Context(), deployIn(his)), `User "oidc:ann" cannot create`)
	wantForbidden(t, "bob in hers", bob.Delete(t.Context(), deployIn(hers)), `User "oidc:bob" cannot delete`)
	wantForbidden(t, "ann everywhere", ann.List(t.Context(), &v1.NpuDeployList{}), `User "oidc:ann" cannot list`)
	stranger := newClient(t, users, newUser(t, "oidc:eve"))
	wantForbidden(t, "a user without permissions", stranger.Create(t.Context(), deployIn(hers)), `User "oidc:eve" cannot create`)
}

func TestServersPermissionsAreNotTheUsers(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	config := h.APIServerConfig()
	namespace := h.Namespace
	own, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	h.AwaitNoError("the grant", func(ctx context.Context) error {
		_, err := own.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	eve := newClient(t, newUsers(t, config), newUser(t, "oidc:eve"))
	hers, err := eve.Kubernetes()
	if err != nil {
		t.Fatal(err)
	}
	_, err = hers.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	wantForbidden(t, "pods", err, `User "oidc:eve" cannot list`)
	other, err := kubernetes.NewForConfig(eve.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	wantForbidden(t, "pods by a client of the config", err, `User "oidc:eve" cannot list`)
}

func TestConfigHasNoCredentials(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	config := newClient(t, newUsers(t, h.APIServerConfig()), newUser(t, "oidc:ann")).Config()
	if config.BearerToken != "" || config.BearerTokenFile != "" || config.CertData != nil || config.KeyData != nil ||
		config.Password != "" || config.ExecProvider != nil || config.AuthProvider != nil {
		t.Errorf("the config has credentials: %s", config)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "root", Groups: []string{"system:masters"}}
	config.BearerToken = "of-another"
	raised, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raised.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	wantForbidden(t, "a config that was changed", err, `User "oidc:ann" cannot list`)
}

func TestNewClientRejectsTheZeroUser(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	if user, err := newUsers(t, h.Config()).Client(auth.User{}); err == nil {
		t.Errorf("the zero user has %v", user)
	}
}
