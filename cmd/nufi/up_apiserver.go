package main

import (
	"context"
	"fmt"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/cluster"
)

const (
	// apiServer is the program, by the name of its folder in cmd/ and of its log.
	apiServer = "nufi-apiserver"
	// developer is who everybody is to the API server on this machine.
	developer = "developer"
)

// runAPIServer compiles the API server and starts it, and returns its URL when it is
// ready. Whoever reaches it is the developer, who may do everything in this cluster.
func (u *up) runAPIServer(ctx context.Context, c *cluster.Cluster, kube client.Client) (string, error) {
	binary := filepath.Join(u.dir, apiServer)
	compilation := cluster.Compilation{
		Step: "compiling the API server", Dir: u.root, Package: "./cmd/" + apiServer, Out: binary,
	}
	if err := compilation.Run(ctx, u.steps.say); err != nil {
		return "", err
	}
	if err := empower(ctx, kube); err != nil {
		return "", fmt.Errorf("giving rights to the developer: %w", err)
	}
	ports, err := cluster.FreePorts(ctx, 0, 0)
	if err != nil {
		return "", err
	}
	served, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	u.steps.say("starting the API server", "")
	err = c.Launch(apiServer, binary,
		"--kubeconfig="+c.KubeconfigPath(),
		"--bind-address="+served,
		"--metrics-bind-address="+probes,
		"--dev-auth="+developer,
		"--drain=0s", // No load balancer has to learn of a stop.
	)
	if err != nil {
		return "", err
	}
	return "http://" + served, c.Await(ctx, "http://"+probes+"/readyz")
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
