package controller

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
)

// These are the informers' transforms: what nobody reads is not kept.

// stripChild keeps the summary of what we own, and what status is judged by.
func stripChild(object any) (any, error) {
	child, ok := object.(client.Object)
	if !ok {
		return object, nil
	}
	apply.Summarize(child)
	switch child := child.(type) {
	case *appsv1.Deployment:
		pod := corev1.PodSpec{
			InitContainers: stripContainers(child.Spec.Template.Spec.InitContainers),
			Containers:     stripContainers(child.Spec.Template.Spec.Containers),
		}
		child.Spec = appsv1.DeploymentSpec{Replicas: child.Spec.Replicas, Template: corev1.PodTemplateSpec{Spec: pod}}
	case *unstructured.Unstructured:
		delete(child.Object, "spec")
	}
	return child, nil
}

// stripContainers keeps what says how many devices a pod holds, and how long it may
// take to start.
func stripContainers(containers []corev1.Container) []corev1.Container {
	kept := make([]corev1.Container, len(containers))
	for i, container := range containers {
		kept[i] = corev1.Container{
			Name: container.Name, Resources: container.Resources, RestartPolicy: container.RestartPolicy,
			StartupProbe: container.StartupProbe,
		}
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
		InitContainers: stripContainers(pod.Spec.InitContainers),
		Containers:     stripContainers(pod.Spec.Containers),
	}
	return pod, nil
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
