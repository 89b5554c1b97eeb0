package harness

import (
	"context"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// User is the subject of Kubernetes' authorizer.
type User struct {
	Name   string
	Groups []string
}

// ServiceAccount returns the user that a service account is.
func ServiceAccount(namespace, name string) User {
	return User{
		Name:   "system:serviceaccount:" + namespace + ":" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
}

// Allowed reports whether the API server's authorizer allows a user an access, which is
// "verb [group/]resource[.subresource]", in a namespace or, if that is empty, everywhere.
func (h *Harness) Allowed(user User, access, namespace string) bool {
	h.Helper()
	allowed, err := h.review(h.Context(), user, access, namespace)
	h.Must(err)
	return allowed
}

// AwaitAllowed waits until the authorizer has observed a grant.
func (h *Harness) AwaitAllowed(user User, access, namespace string) {
	h.Helper()
	err := wait.PollUntilContextTimeout(h.Context(), pollInterval, Timeout, true, func(ctx context.Context) (bool, error) {
		return h.review(ctx, user, access, namespace)
	})
	if err != nil {
		h.Fatalf("%s is not allowed to %s in %q: %v", user.Name, access, namespace, err)
	}
}

func (h *Harness) review(ctx context.Context, user User, access, namespace string) (bool, error) {
	verb, path, _ := strings.Cut(access, " ")
	group, resource, grouped := strings.Cut(path, "/")
	if !grouped {
		group, resource = "", path
	}
	resource, subresource, _ := strings.Cut(resource, ".")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Name, Groups: user.Groups, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Namespace: namespace, Group: group, Resource: resource, Subresource: subresource,
		},
	}}
	err := h.Client.Create(ctx, review)
	return review.Status.Allowed, err
}

// Bind grants users the cluster role in a namespace or, if that is empty, everywhere.
func (h *Harness) Bind(clusterRole, namespace string, users ...string) {
	h.Helper()
	subjects := make([]rbacv1.Subject, 0, len(users))
	for _, user := range users {
		subjects = append(subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user})
	}
	h.BindSubjects(clusterRole, namespace, subjects...)
}

// Grant grants users a rule in a namespace or, if that is empty, everywhere.
func (h *Harness) Grant(rule rbacv1.PolicyRule, namespace string, users ...string) {
	h.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: []rbacv1.PolicyRule{rule}}
	h.Create(role)
	h.Bind(role.Name, namespace, users...)
}

// BindSubjects is Bind for subjects of any kind.
func (h *Harness) BindSubjects(clusterRole, namespace string, subjects ...rbacv1.Subject) {
	h.Helper()
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole}
	name := metav1.ObjectMeta{Namespace: namespace, GenerateName: "test-"}
	var binding client.Object = &rbacv1.RoleBinding{ObjectMeta: name, RoleRef: role, Subjects: subjects}
	if namespace == "" {
		binding = &rbacv1.ClusterRoleBinding{ObjectMeta: name, RoleRef: role, Subjects: subjects}
	}
	h.Create(binding)
}

// Token returns a token of a service account for the audiences or, without any, for the
// API server.
func (h *Harness) Token(namespace, account string, audiences ...string) string {
	h.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	h.Must(h.Client.SubResource("token").Create(h.Context(), owner, request))
	return request.Status.Token
}

// ConfigWithToken returns the access of a bearer token's owner.
func (h *Harness) ConfigWithToken(token string) *rest.Config {
	config := rest.AnonymousClientConfig(h.Config())
	config.BearerToken, config.QPS = token, -1
	return config
}
