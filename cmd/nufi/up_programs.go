package main

import (
	"context"
	"fmt"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
)

// The programs, by the names of their folders in cmd/ and of their logs.
const (
	controller = "nufi-controller"
	apiServer  = "nufi-apiserver"
)

// developer is the user name of every request to NuFi's API server.
const developer = "developer"

// runController compiles and starts the controller. When it is ready, runController returns
// the URL of its metrics. Prometheus is a URL or empty; templates are the flags of prepareTemplates.
func (u *up) runController(ctx context.Context, c *cluster.Cluster, prometheus string, templates []string) (metrics string, err error) {
	url, err := u.runProgram(ctx, c, controller, "the controller", func(address, probes string) []string {
		return append(templates,
			"--metrics-bind-address="+address, "--health-probe-bind-address="+probes,
			"--leader-elect=false", "--leader-election-namespace="+metav1.NamespaceSystem, "--prometheus="+prometheus)
	})
	return url + "/metrics", err
}

// runAPIServer compiles and starts NuFi's API server. When it is ready, runAPIServer returns
// its URL. Every caller is the developer, who is a cluster administrator. Prometheus is a
// URL or empty; templates are the flags of prepareTemplates.
func (u *up) runAPIServer(ctx context.Context, c *cluster.Cluster, kube client.Client, prometheus string, templates []string) (string, error) {
	if err := bindDeveloper(ctx, kube); err != nil {
		return "", fmt.Errorf("binding the developer's role: %w", err)
	}
	return u.runProgram(ctx, c, apiServer, "the API server", func(address, probes string) []string {
		return append(templates,
			"--bind-address="+address, "--metrics-bind-address="+probes, "--dev-auth="+developer,
			"--drain=0s", // No load balancer to drain.
			"--prometheus="+prometheus)
	})
}

// bindDeveloper makes the developer a cluster administrator. The API server acts with the
// rights of its callers.
func bindDeveloper(ctx context.Context, kube client.Client) error {
	return client.IgnoreAlreadyExists(kube.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "nufi-" + developer},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: developer}},
	}))
}

// runProgram compiles one of NuFi's programs and starts it on free ports. When it is ready,
// runProgram returns its URL. Flags returns the program's flags for its two addresses.
func (u *up) runProgram(
	ctx context.Context, c *cluster.Cluster, name cluster.Component, title string, flags func(address, probes string) []string,
) (string, error) {
	binary := filepath.Join(u.dir, string(name))
	compilation := cluster.Compilation{
		Step: "compiling " + title, Dir: u.root, Package: "./cmd/" + string(name), Out: binary,
	}
	if err := compilation.Run(ctx, u.steps.report); err != nil {
		return "", err
	}
	ports, err := cluster.FreePorts(ctx, 0, 0)
	if err != nil {
		return "", err
	}
	address, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	u.steps.report("starting "+title, "")
	args := append([]string{"--kubeconfig=" + c.KubeconfigPath()}, flags(address, probes)...)
	if err := c.Launch(name, binary, args...); err != nil {
		return "", err
	}
	return "http://" + address, c.Await(ctx, "http://"+probes+"/readyz")
}
