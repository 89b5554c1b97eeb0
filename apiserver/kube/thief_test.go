package kube_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/test/harness"
)

// thief has the server's token and chooses the headers.
type thief struct{ kubernetes.Interface }

func steal(t *testing.T, config *rest.Config, user string, groups ...string) thief {
	t.Helper()
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return thief{client}
}

func TestStolenServerTokenIsLimited(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	config := h.APIServerConfig()
	namespace := h.Namespace
	h.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "key"}, StringData: map[string]string{"key": "value"}})
	grant(h, "", rbacv1.Subject{Kind: rbacv1.UserKind, Name: "oidc:root"}, everything())
	root := newClient(t, newUsers(t, config), newUser(t, "oidc:root"))
	h.AwaitNoError("the grant", listing(root, "")) // the grant works: request follows is rejected by the rules on impersonation

	for name, as := range map[string]thief{
		"as the server":                         steal(t, config, ""),
		"as an administrator":                   steal(t, config, "oidc:root"),
		"as Kubernetes' controllers":            steal(t, config, "system:kube-controller-manager"),
		"as system:masters":                     steal(t, config, "oidc:ann", "system:masters"),
		"as one of many groups, system:masters": steal(t, config, "oidc:ann", "a", "b", "c", "d", "system:masters"),
		"as a service account":                  steal(t, config, "system:serviceaccount:kube-system:generic-garbage-collector"),
		"as a service account with groups":      steal(t, config, "system:serviceaccount:kube-system:namespace-controller", "system:serviceaccounts"),
		"as a node":                             steal(t, config, "system:node:one"),
		"as a node with its group":              steal(t, config, "system:node:one", "system:nodes"),
	} {
		for request, err := range as.tries(t, namespace) {
			wantForbidden(t, name+", "+request, err)
		}
	}
	if err := steal(t, config, "oidc:root").listsOurs(t); err != nil {
		t.Error("our kind as an administrator: ", err)
	}
	wantForbidden(t, "our kind as system:masters", steal(t, config, "oidc:ann", "system:masters").listsOurs(t), "system:masters")
	wantForbidden(t, "our kind as a service account", steal(t, config, "system:serviceaccount:kube-system:namespace-controller").listsOurs(t), "impersonate-on:serviceaccount:list")
	wantForbidden(t, "our kind as a node", steal(t, config, "system:node:one").listsOurs(t), "impersonate-on:arbitrary-node:list")
}

// tries returns the errors of request a cluster administrator may do.
func (s thief) tries(t *testing.T, namespace string) map[string]error {
	t.Helper()
	ctx := t.Context()
	_, get := s.CoreV1().Secrets(namespace).Get(ctx, "key", metav1.GetOptions{})
	_, list := s.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
	_, pod := s.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	_, bind := s.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "thief"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}, metav1.CreateOptions{})
	foreground := metav1.DeletePropagationForeground
	return map[string]error{
		"a secret is deleted": s.CoreV1().Secrets(namespace).Delete(ctx, "key", metav1.DeleteOptions{
			PropagationPolicy: &foreground, DryRun: []string{metav1.DryRunAll}, // the response is the Secret
		}),
		"a secret is read":        get,
		"all secrets are read":    list,
		"a namespace is deleted":  s.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}),
		"a pod is client":         pod,
		"a command runs in a pod": s.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("a").SubResource("exec").Do(ctx).Error(),
		"a role is bound":         bind,
	}
}

// listsOurs does request the server may do by impersonation.
func (s thief) listsOurs(t *testing.T) error {
	t.Helper()
	return s.CoreV1().RESTClient().Get().AbsPath("/apis/dudaji.com/v1/npudeploys").Do(t.Context()).Error()
}
