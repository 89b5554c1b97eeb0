package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/heap"
)

// decoded is an object as an informer gets it.
type decoded interface {
	metav1.Object
	Marshal() ([]byte, error)
	Unmarshal(content []byte) error
}

// Without shared values, and with all metadata and statuses, these took 4,400, 3,400, 1,500, 1,450 and 7,400 bytes.
func TestCachedObjectsRetainFewBytes(t *testing.T) {
	server := corev1.Container{
		Name: "server", Image: "registry.example.com/vllm:v1", Args: []string{"--model", "org/model"},
		Resources: corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{"rebellions.ai/npu": resource.MustParse("1")},
			Requests: corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"), "rebellions.ai/npu": resource.MustParse("1")},
		},
		StartupProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health", Port: intstr.FromString("http")}}},
	}
	revision := map[string]string{status.AnnotationRevision: "1"}
	containers := corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{server}}
	for _, c := range []struct {
		name  string
		full  decoded
		empty func() decoded
		strip func(any) (any, error)
		most  int64
	}{
		{
			"Deployment", &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Annotations: revision},
				Spec:       appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: containers}},
				Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{
					{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability."},
				}},
			}, func() decoded { return &appsv1.Deployment{} }, stripApplied, 2200,
		},
		{"NpuDeploy", newStatus(), func() decoded { return &jsonDeploy{} }, func(object any) (any, error) { return stripOwner(&object.(*jsonDeploy).NpuDeploy) }, 2400},
		{"Service", &metav1.PartialObjectMetadata{}, func() decoded { return &metav1.PartialObjectMetadata{} }, stripApplied, 750},
		{
			"ReplicaSet", &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Annotations: revision}},
			func() decoded { return &metav1.PartialObjectMetadata{} }, stripReplicaSet, 1000,
		},
		{"Pod", &corev1.Pod{Spec: containers, Status: runningStatus()}, func() decoded { return &corev1.Pod{} }, scheduling.StripPodSpec, 2500},
	} {
		describe(c.full)
		if got := retainedByEach(t, c.full, c.empty, c.strip); got > c.most {
			t.Errorf("%s: %d bytes, want at most %d", c.name, got, c.most)
		}
	}
}

// jsonDeploy is an NpuDeploy, which has no other encoding.
type jsonDeploy struct{ v1.NpuDeploy }

func (d *jsonDeploy) Marshal() ([]byte, error)       { return json.Marshal(d.NpuDeploy) }
func (d *jsonDeploy) Unmarshal(content []byte) error { return json.Unmarshal(content, &d.NpuDeploy) }

func newStatus() *jsonDeploy {
	deploy := &jsonDeploy{v1.NpuDeploy{Spec: v1.NpuDeploySpec{Model: "org/model", Endpoint: &v1.Endpoint{Host: "server.example.com"}}}}
	for _, kind := range []string{v1.ConditionReady, v1.ConditionRendered, v1.ConditionApplied, v1.ConditionAvailable, v1.ConditionEndpoint} {
		deploy.Status.Conditions = append(deploy.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: kind, Message: "1 of 1 pods are ready", LastTransitionTime: metav1.Now(),
		})
	}
	return deploy
}

func describe(object metav1.Object) {
	object.SetNamespace("team")
	object.SetResourceVersion("12345")
	object.SetLabels(map[string]string{
		"app.kubernetes.io/instance": "server", "app.kubernetes.io/managed-by": "nufi", "app.kubernetes.io/name": "inference-server",
		v1.LabelDeploy: "server", appsv1.DefaultDeploymentUniqueLabelKey: "65b9f44688",
	})
	annotations := map[string]string{v1.AnnotationManifest: "da7ae95d75b12e15"}
	maps.Copy(annotations, object.GetAnnotations())
	object.SetAnnotations(annotations)
	object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: v1.GroupVersion().String(), Kind: v1.Kind, Name: "server", UID: "8a2de2d8-a86d-4e9e-a37e-eeb5433adeb4", Controller: new(true)}})
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: v1.FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`), Time: new(metav1.Now()),
	}})
}

func runningStatus() corev1.PodStatus {
	status := corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "server", Ready: true, Image: "registry.example.com/vllm:v1", ImageID: "registry.example.com/vllm@sha256:0123456789abcdef0123456789abcdef",
		State:     corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{"rebellions.ai/npu": resource.MustParse("1")}},
	}}}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	}
	return status
}

// retainedByEach returns the bytes of one stripped object, of a thousand with other names.
func retainedByEach(t *testing.T, full decoded, empty func() decoded, strip func(any) (any, error)) int64 {
	t.Helper()
	add := func(i int) any {
		full.SetName(fmt.Sprintf("server-%04d", i))
		full.SetUID(types.UID(fmt.Sprintf("dd1a%04d-58bb-4d22-9fbf-9138d4428318", i)))
		content, err := full.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		object := empty()
		if err := object.Unmarshal(content); err != nil {
			t.Fatal(err)
		}
		stripped, err := strip(object)
		if err != nil {
			t.Fatal(err)
		}
		return stripped
	}
	stripped := []any{add(0)} // What all share.
	before := heap.InUse()
	const count = 1000
	for i := range count {
		stripped = append(stripped, add(i))
	}
	after := heap.InUse()
	runtime.KeepAlive(stripped)
	return (after - before) / count
}
