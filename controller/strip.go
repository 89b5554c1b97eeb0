package controller

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// These are the informers' transforms: what nobody reads is not kept.

// stripChild keeps the summary of what we own, and what status is judged by.
func stripChild(object any) (any, error) {
	child, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	if err := apply.Summarize(child); err != nil {
		return nil, err
	}
	replicas, scaled, _ := unstructured.NestedFieldNoCopy(child.Object, "spec", "replicas")
	template, _, _ := unstructured.NestedFieldNoCopy(child.Object, "spec", "template", "spec")
	delete(child.Object, "spec")
	switch child.GetKind() {
	case "Deployment":
		pod, _ := template.(map[string]any)
		spec := map[string]any{"template": map[string]any{"spec": stripContainers(pod)}}
		if scaled {
			spec["replicas"] = replicas
		}
		child.Object["spec"] = spec
	case string(v1.EndpointHTTPRoute):
	default:
		delete(child.Object, "status")
	}
	return child, nil
}

// stripContainers keeps names, limits and startup probes.
func stripContainers(pod map[string]any) map[string]any {
	kept := map[string]any{}
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := pod[list].([]any)
		short := make([]any, 0, len(containers))
		for _, container := range containers {
			container, _ := container.(map[string]any)
			one := map[string]any{}
			for _, field := range []string{"name", "resources", "startupProbe"} {
				if value, found := container[field]; found {
					one[field] = value
				}
			}
			short = append(short, one)
		}
		kept[list] = short
	}
	return kept
}

func stripPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	stripMeta(&pod.ObjectMeta)
	pod.Spec = corev1.PodSpec{
		NodeName:       pod.Spec.NodeName,
		InitContainers: stripPodContainers(pod.Spec.InitContainers),
		Containers:     stripPodContainers(pod.Spec.Containers),
	}
	return pod, nil
}

// stripPodContainers keeps what says how many devices a pod holds.
func stripPodContainers(containers []corev1.Container) []corev1.Container {
	kept := make([]corev1.Container, len(containers))
	for i, container := range containers {
		kept[i] = corev1.Container{
			Name: container.Name, Resources: container.Resources, RestartPolicy: container.RestartPolicy,
		}
	}
	return kept
}

func stripNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	stripMeta(&node.ObjectMeta)
	ready := corev1.NodeCondition{}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			// The kubelet's heartbeat is of no interest.
			ready = corev1.NodeCondition{
				Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime,
			}
		}
	}
	node.Spec = corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable}
	node.Status = corev1.NodeStatus{Allocatable: node.Status.Allocatable, Conditions: []corev1.NodeCondition{ready}}
	return node, nil
}

// stripMetadata is for what is watched by its metadata alone.
func stripMetadata(object any) (any, error) {
	if partial, ok := object.(*metav1.PartialObjectMetadata); ok {
		revision := partial.Annotations[annotationRevision]
		stripMeta(&partial.ObjectMeta)
		if revision != "" {
			partial.Annotations = map[string]string{annotationRevision: revision}
		}
	}
	return object, nil
}

// annotationRevision numbers the ReplicaSets of a Deployment.
const annotationRevision = "deployment.kubernetes.io/revision"

func stripMeta(meta *metav1.ObjectMeta) {
	meta.ManagedFields, meta.Annotations = nil, nil
}

func stripObject(object any) (any, error) {
	if ours, ok := object.(client.Object); ok {
		stripObjectMeta(ours)
	}
	return object, nil
}

func stripObjectMeta(object client.Object) {
	object.SetManagedFields(nil)
	object.SetAnnotations(nil)
}
