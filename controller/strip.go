package controller

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/scheduling"
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

// stripContainers also keeps the startup probe, which status reads.
func stripContainers(containers []corev1.Container) []corev1.Container {
	stripped := scheduling.StripContainers(containers)
	for i := range stripped {
		stripped[i].StartupProbe = containers[i].StartupProbe
	}
	return stripped
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
