package controller

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=get;list;watch

// cacheOptions say what is watched and kept. A read of anything else is an error, so
// that nothing is ever cached by accident. Objects are shared, not copied.
func cacheOptions() cache.Options {
	shared := true
	ours := labels.SelectorFromSet(labels.Set{apply.LabelManagedBy: apply.ManagedBy})
	options := cache.Options{
		ReaderFailOnMissingInformer:  true,
		DefaultUnsafeDisableDeepCopy: &shared,
		ByObject: map[client.Object]cache.ByObject{
			&v1.NpuDeploy{}: {Transform: stripObject},
			&corev1.Pod{}:   {Label: ours, Transform: stripPod},
			&corev1.Node{}:  {Transform: stripNode},
			&corev1.Event{}: {
				Field:     fields.SelectorFromSet(fields.Set{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"}),
				Transform: cache.TransformStripManagedFields(),
			},
			newReplicaSet(): {Label: ours, Transform: stripMetadata},
			newCRD():        {Transform: stripMetadata},
		},
	}
	for _, kind := range apply.Kinds() {
		options.ByObject[newChild(kind)] = cache.ByObject{Label: ours, Transform: stripChild}
	}
	return options
}

func newChild(kind schema.GroupVersionKind) *unstructured.Unstructured {
	child := &unstructured.Unstructured{}
	child.SetGroupVersionKind(kind)
	return child
}

func deploymentKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
}

func newReplicaSet() *metav1.PartialObjectMetadata {
	set := &metav1.PartialObjectMetadata{}
	set.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"})
	return set
}

func newReplicaSets() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	return list
}

func newCRD() *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
	})
	return crd
}

// isNotCached holds for a kind that is not installed, and so not watched.
func isNotCached(err error) bool {
	var missing *cache.ErrResourceNotCached
	return errors.As(err, &missing)
}
