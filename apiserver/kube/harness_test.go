package kube_test

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func newUsers(t *testing.T, config *rest.Config) *kube.UserClients {
	t.Helper()
	users, err := kube.NewUserClients(config)
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

func newClient(t *testing.T, users *kube.UserClients, user auth.User) *kube.UserClient {
	t.Helper()
	client, err := users.Client(user)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// grant gives the subject rules in the namespace, or everywhere if it is empty.
func grant(h *harness.Harness, namespace string, subject rbacv1.Subject, rules ...rbacv1.PolicyRule) {
	h.Helper()
	if subject.Kind != rbacv1.ServiceAccountKind {
		subject.APIGroup = rbacv1.GroupName
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: rules}
	h.Create(role)
	h.BindSubjects(role.Name, namespace, subject)
}

func rule(group string, resources, verbs []string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// everything is what a cluster's administrator may do.
func everything() rbacv1.PolicyRule { return rule("*", []string{"*"}, []string{"*"}) }
