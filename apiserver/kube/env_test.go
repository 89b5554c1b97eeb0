package kube_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// installed guards the installation of the server's identity.
var installed sync.Once

const system = "nufi-system"

// server returns the access of the server's service account, with the rules of
// bundle/apiserver only.
func server(t *testing.T) *rest.Config {
	t.Helper()
	admin := administrator(t)
	installed.Do(func() { install(t) })
	return bearer(t, serviceAccountToken(t, admin, system, "nufi-apiserver"))
}

func install(t *testing.T) {
	t.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"namespace.yaml", "apiserver/service_account.yaml", "apiserver/role.yaml", "apiserver/role_binding.yaml"} {
		if err := control.Cluster(t).Apply(t.Context(), filepath.Join(root, "bundle", file)); err != nil {
			t.Fatal(err)
		}
	}
}

func administrator(t *testing.T) kubernetes.Interface {
	t.Helper()
	admin, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return admin
}

func serviceAccountToken(t *testing.T, admin kubernetes.Interface, namespace, name string, audiences ...string) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
	result, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status.Token
}

func bearer(t *testing.T, token string) *rest.Config {
	t.Helper()
	config := rest.AnonymousClientConfig(control.Config(t))
	config.BearerToken = token
	config.QPS = -1
	return config
}

func newUsers(t *testing.T, config *rest.Config) *kube.Users {
	t.Helper()
	users, err := kube.NewUsers(config)
	if err != nil {
		t.Fatal(err)
	}
	return users
}

func newUser(t *testing.T, name string, groups ...string) auth.User {
	t.Helper()
	user, err := auth.NewUser(name, groups)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func newClient(t *testing.T, users *kube.Users, user auth.User) *kube.UserClient {
	t.Helper()
	client, err := users.Client(user)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// grant gives the subject rules in the namespace, or everywhere if it is empty.
func grant(t *testing.T, namespace string, subject rbacv1.Subject, rules ...rbacv1.PolicyRule) {
	t.Helper()
	admin := administrator(t).RbacV1()
	subject.APIGroup = rbacv1.GroupName
	if subject.Kind == rbacv1.ServiceAccountKind {
		subject.APIGroup = ""
	}
	generated := metav1.ObjectMeta{GenerateName: "test-"}
	role, err := admin.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: generated, Rules: rules}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}
	if namespace == "" {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: generated, RoleRef: ref, Subjects: []rbacv1.Subject{subject}}
		_, err = admin.ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{})
	} else {
		binding := &rbacv1.RoleBinding{ObjectMeta: generated, RoleRef: ref, Subjects: []rbacv1.Subject{subject}}
		_, err = admin.RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rule(group string, resources, verbs []string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// everything is what a cluster's administrator may do.
func everything() rbacv1.PolicyRule { return rule("*", []string{"*"}, []string{"*"}) }
