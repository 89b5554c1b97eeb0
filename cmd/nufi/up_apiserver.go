package main

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
)

const (
	// apiServer is the program, by the name of its folder in cmd/ and of its log.
	apiServer = "nufi-apiserver"
	// developer is who everybody is to the API server on this machine.
	developer = "developer"
)

// runAPIServer compiles the API server and starts it, and returns its URL when it is
// ready. Whoever reaches it is the developer, who may do everything in this cluster.
// Prometheus is its URL, empty if there is none.
func (u *up) runAPIServer(ctx context.Context, c *cluster.Cluster, kube client.Client, prometheus string) (string, error) {
	if err := empower(ctx, kube); err != nil {
		return "", fmt.Errorf("giving rights to the developer: %w", err)
	}
	return u.runProgram(ctx, c, apiServer, "the API server", func(served, probes string) []string {
		return []string{
			"--bind-address=" + served, "--metrics-bind-address=" + probes, "--dev-auth=" + developer,
			"--drain=0s", // No load balancer has to learn of a stop.
			"--prometheus=" + prometheus,
		}
	})
}

// empower makes the developer an administrator: the API server acts with the rights of
// whoever asks, and a name alone has none.
func empower(ctx context.Context, kube client.Client) error {
	return client.IgnoreAlreadyExists(kube.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "nufi-" + developer},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: developer}},
	}))
}
