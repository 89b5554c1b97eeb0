package groups_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

var rayKind = schema.GroupVersionKind{Group: "ray.io", Version: "v1", Kind: "RayService"}

// applyRay applies the NpuDeploy as a RayService, with more fields of inferenceServer.
func (f fixture) applyRay(fields string) {
	f.Helper()
	f.applyWith("  parallelism: {workload: RayService}\n", fields)
}

// isRayReady reports whether the RayService has the condition Ready.
func (f fixture) isRayReady() bool {
	f.Helper()
	return meta.IsStatusConditionTrue(f.rayService().Status.Conditions, "Ready")
}

func (f fixture) rayService() *status.RayService {
	f.Helper()
	service, err := status.NewRayService(f.Find(rayKind, "web"))
	f.Must(err)
	return service
}

// rayClusters returns the names of the RayClusters.
func (f fixture) rayClusters() []string {
	f.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(rayKind.GroupVersion().WithKind("RayClusterList"))
	f.Must(f.Client.List(f.Context(), list, client.InNamespace(f.Namespace)))
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	return names
}

func TestRayServiceServesFromSeveralNodesAndLeavesNothing(t *testing.T) {
	f := newFixture(t, "a")
	f.applyRay("")
	f.AwaitReady("web", "1/1")
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "web"}}
	f.Get(service)
	var selected corev1.PodList
	f.Must(f.Client.List(t.Context(), &selected, client.InNamespace(f.Namespace), client.MatchingLabels(service.Spec.Selector)))
	if len(selected.Items) != 2 || len(f.Pods()) != 3 {
		t.Errorf("the Service selects %d of %d pods", len(selected.Items), len(f.Pods()))
	}
	// Nothing that KubeRay adds causes a second write.
	if generation := f.Find(rayKind, "web").GetGeneration(); generation != 1 {
		t.Errorf("the RayService has generation %d", generation)
	}
	f.Install("bundle/rbac/project_roles.yaml")
	f.Bind("nufi-project-viewer", f.Namespace, "vic")
	f.AwaitAllowed(harness.User{Name: "vic"}, "list ray.io/rayclusters", f.Namespace)
	var list struct{ Total int }
	apitest.Start(f.Harness).Do("vic", http.MethodGet, "/api/v1/namespaces/NAMESPACE/npudeploys/web/pods", "").Want(http.StatusOK).Decode(&list)
	if list.Total != 3 {
		t.Errorf("the API server lists %d pods", list.Total)
	}

	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=0")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
	f.Await("the pods and the cluster to be deleted", func() bool { return len(f.Pods()) == 0 && len(f.rayClusters()) == 0 })
	f.Kubectl("scale", "npudeploy", "web", "-n", f.Namespace, "--replicas=1")
	f.AwaitReady("web", "1/1")
	f.Delete(f.deploy())
	f.Await("everything to be deleted", func() bool {
		var services corev1.ServiceList
		f.Must(f.Client.List(t.Context(), &services, client.InNamespace(f.Namespace)))
		return len(f.Pods()) == 0 && len(f.rayClusters()) == 0 && len(services.Items) == 0
	})
}

// KubeRay's condition Ready only means that there is an endpoint.
func TestFailedApplicationIsReportedAlthoughTheRayServiceIsReady(t *testing.T) {
	f := newFixture(t, "a")
	f.applyRay("")
	f.AwaitReady("web", "1/1")
	clusters := f.rayClusters()
	f.applyRay(", args: [--max-model-len, '0']")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonApplicationFailed)
	if !f.isRayReady() {
		t.Error("the RayService is not Ready")
	}
	deploy := f.deploy()
	f.Get(deploy)
	if text := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady).Message; text != "application llm is DEPLOY_FAILED: ValueError: max_model_len must be a positive integer" {
		t.Errorf("the message is %s", text)
	}
	f.applyRay(", args: [--max-model-len, '4096']")
	f.AwaitReady("web", "1/1")
	if after := f.rayClusters(); len(after) != 1 || after[0] != clusters[0] {
		t.Errorf("the cluster %v was replaced by %v for the arguments of the engine", clusters, after)
	}
}

// KubeRay makes a second cluster for a change of the pods. More replicas alone would change nothing.
func TestChangedRayServiceNeedsTheDevicesOfTwoClusters(t *testing.T) {
	f := newFixture(t, "a")
	f.applyRay("")
	f.AwaitReady("web", "1/1")
	f.applyRay(", replicas: 2")
	f.AwaitCondition(f.deploy(), v1.ConditionReady, metav1.ConditionFalse, v1.ReasonNoFreeDevice)
	deploy := f.deploy()
	f.Get(deploy)
	text := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady).Message
	for _, part := range []string{"; a change of a RayService needs the devices of two clusters", "; 3 pods of an earlier revision still serving"} {
		if !strings.Contains(text, part) {
			t.Errorf("the message lacks %q: %s", part, text)
		}
	}
	f.addNodes("b", "c")
	f.AwaitReady("web", "2/2")
}
