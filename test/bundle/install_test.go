// Package bundle_test installs bundle/ as an administrator does, with kubectl. It checks
// that the API server accepts it, that the controller's account has the rights it needs
// and no others, and that its pods pass the restricted pod security standard.
package bundle_test

import (
	stdcmp "cmp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/test/harness"
)

const namespace = "nufi-system"

func TestMain(m *testing.M) { harness.Main(m, harness.ControllerManager()) }

// The steps share what is installed.
func TestBundleInstallsAndUpgrades(t *testing.T) {
	h := harness.New(t)
	bundle := h.Path("bundle")
	h.Kubectl("delete", "--ignore-not-found", "--wait", "-f", h.Path("bundle", "crd"))

	step := func(name string, check func(h *harness.Harness)) {
		t.Run(name, func(t *testing.T) { check(harness.New(t)) })
	}
	step("installs with kubectl apply", func(h *harness.Harness) { h.Kubectl("apply", "-k", bundle) })
	step("a second apply changes nothing", func(h *harness.Harness) { changesNothing(h, "apply", "-k", bundle) })
	step("server-side apply takes over", func(h *harness.Harness) {
		h.Kubectl("apply", "--server-side", "-k", bundle)
		changesNothing(h, "apply", "--server-side", "-k", bundle)
	})
	step("kubectl explains NpuDeploys", explainsFields)
	step("the controller's pods are admitted", func(h *harness.Harness) { admitsPods(h, "nufi-controller") })
	step("the API server's pods are admitted", func(h *harness.Harness) {
		h.Kubectl("apply", "-k", h.Path("bundle", "apiserver"))
		admitsPods(h, "nufi-apiserver")
	})
	step("a pod that runs as root is rejected", rejectsRoot)
	step("the controller has its rights and no others", controllerAccess)
	step("the controller works with its rights", controllerWorks)
	step("the controller has a priority level", controllerHasPriority)
	step("users have the rights of their roles", userAccess)
}

// The API server publishes the schema of a new kind a moment after it has accepted it.
func explainsFields(h *harness.Harness) {
	var out string
	h.Await("the schema of NpuDeploys", func() bool {
		out, _ = h.Cluster().Kubectl(h.Context(), "explain", "npudeploy.spec.accelerator.count")
		return strings.Contains(out, "count is the number of devices of one replica")
	})
}

// changesNothing compares the objects themselves: kubectl reports a PodDisruptionBudget
// as "configured" each time, and changes nothing.
func changesNothing(h *harness.Harness, args ...string) {
	h.Helper()
	before := versions(h)
	h.Kubectl(args...)
	if diff := cmp.Diff(before, versions(h)); diff != "" {
		h.Errorf("objects were written (-before +after):\n%s", diff)
	}
}

// versions maps each object of the bundle to its generation or, for kinds without one,
// to its resourceVersion: others write the status.
func versions(h *harness.Harness) map[string]string {
	h.Helper()
	versions := map[string]string{}
	out := h.Kubectl("get", "-k", h.Path("bundle"), "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name},{.metadata.generation},{.metadata.resourceVersion}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		versions[fields[0]] = stdcmp.Or(fields[1], fields[2])
	}
	if len(versions) < 12 {
		h.Fatalf("the bundle has only %d objects: %v", len(versions), versions)
	}
	return versions
}

// The controller-manager creates the pods, so pod security admission applies.
func admitsPods(h *harness.Harness, name string) {
	h.Helper()
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	h.AwaitObject(deployment, "two pods", func() bool { return deployment.Status.Replicas == 2 })
}

// Without this, the two steps before would prove nothing.
func rejectsRoot(h *harness.Harness) {
	root := int64(0)
	err := h.Client.Create(h.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "root"},
		Spec: corev1.PodSpec{
			ServiceAccountName: "nufi-controller",
			Containers: []corev1.Container{{
				Name: "root", Image: "root", SecurityContext: &corev1.SecurityContext{RunAsUser: &root},
			}},
		},
	}, client.DryRunAll)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		h.Errorf("a pod that runs as root: %v, want a rejection by PodSecurity", err)
	}
}
