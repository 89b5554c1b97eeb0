// Package bundle_test installs bundle/ as an administrator does, with kubectl, and
// proves that the API server takes it, that the controller's account can do its work
// and no more, and that its pods pass the restricted pod security standard.
package bundle_test

import (
	stdcmp "cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/test/env"
)

const namespace = "nufi-system"

var control = env.New(env.ControllerManager())

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// One test in steps: what is installed is the same for all of them.
func TestTheBundle(t *testing.T) {
	kubectl(t, "delete", "--ignore-not-found", "--wait", "-f", filepath.Join(bundle(t), "crd"))

	t.Run("installs with kubectl apply", func(t *testing.T) { kubectl(t, "apply", "-k", bundle(t)) })
	t.Run("applied again writes nothing", func(t *testing.T) { appliesInVain(t, "apply", "-k", bundle(t)) })
	t.Run("may be handed to server-side apply", func(t *testing.T) {
		kubectl(t, "apply", "--server-side", "-k", bundle(t))
		appliesInVain(t, "apply", "--server-side", "-k", bundle(t))
	})
	t.Run("explains NpuDeploys", explainsFields)
	t.Run("has pods that the namespace admits", func(t *testing.T) { admitsPods(t, "nufi-controller") })
	t.Run("has an API server, with pods that the namespace admits", func(t *testing.T) {
		kubectl(t, "apply", "-k", filepath.Join(bundle(t), "apiserver"))
		admitsPods(t, "nufi-apiserver")
	})
	t.Run("has a namespace that admits no others", refusesOtherPods)
	t.Run("gives the controller its rights and no more", controllerAccess)
	t.Run("lets the controller work", controllerWorks)
	t.Run("gives users what their roles in a namespace say", userAccess)
}

// The API server publishes a new kind a moment after it has accepted it.
func explainsFields(t *testing.T) {
	var out string
	running := control.Cluster(t)
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		out, _ = running.Kubectl(ctx, "explain", "npudeploy.spec.accelerator.count")
		return strings.Contains(out, "count is the number of devices of one replica"), nil
	})
	if err != nil {
		t.Errorf("kubectl explain does not know the field: %s", out)
	}
}

// appliesInVain looks at the objects themselves: kubectl calls a PodDisruptionBudget
// "configured" for ever, and changes nothing.
func appliesInVain(t *testing.T, args ...string) {
	t.Helper()
	before := versions(t)
	kubectl(t, args...)
	if diff := cmp.Diff(before, versions(t)); diff != "" {
		t.Errorf("objects were written (-before +after):\n%s", diff)
	}
}

// versions maps each object of the bundle to its generation, or, for kinds that have
// none, to its resourceVersion: status writes are not ours.
func versions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	out := kubectl(t, "get", "-k", bundle(t), "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name},{.metadata.generation},{.metadata.resourceVersion}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		found[fields[0]] = stdcmp.Or(fields[1], fields[2])
	}
	if len(found) < 12 {
		t.Fatalf("the bundle has only %d objects: %v", len(found), found)
	}
	return found
}

// The controller-manager makes the pods, so that it is admission itself that judges.
func admitsPods(t *testing.T, name string) {
	t.Helper()
	deployments := client(t).AppsV1().Deployments(namespace)
	var last *appsv1.Deployment
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		last, err = deployments.Get(ctx, name, metav1.GetOptions{})
		return err == nil && last.Status.Replicas == 2, err
	})
	if err != nil {
		t.Fatalf("%s has not got its two pods: %v: %+v", name, err, last.Status.Conditions)
	}
}

// Without this, the step before would prove nothing.
func refusesOtherPods(t *testing.T) {
	root := int64(0)
	_, err := client(t).CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "root"},
		Spec: corev1.PodSpec{
			ServiceAccountName: "nufi-controller",
			Containers: []corev1.Container{{
				Name: "root", Image: "root", SecurityContext: &corev1.SecurityContext{RunAsUser: &root},
			}},
		},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a pod that runs as root: %v, want it to be refused by PodSecurity", err)
	}
}

func bundle(t *testing.T) string {
	t.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "bundle")
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := control.Cluster(t).Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func client(t *testing.T) kubernetes.Interface {
	t.Helper()
	clients, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return clients
}
