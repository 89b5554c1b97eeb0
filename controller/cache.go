package controller

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/scheduling"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=get;list;watch

// cacheOptions say what is watched and kept. A read of anything else is an error, so
// that nothing is ever cached by accident. Objects are shared, not copied. Children
// are the default: a kind that is not installed cannot be named here.
func cacheOptions() cache.Options {
	shared := true
	ours := labels.SelectorFromSet(labels.Set{apply.LabelManagedBy: apply.ManagedBy})
	podWarnings := fields.SelectorFromSet(fields.Set{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"})
	return cache.Options{
		ReaderFailOnMissingInformer:  true,
		DefaultUnsafeDisableDeepCopy: &shared,
		DefaultLabelSelector:         ours,
		DefaultTransform:             stripChild,
		ByObject: map[client.Object]cache.ByObject{
			&v1.NpuDeploy{}: {Label: labels.Everything(), Transform: stripObject},
			&v1.Project{}:   {Label: labels.Everything(), Transform: stripObject},
			&corev1.Pod{}:   {Label: ours, Transform: scheduling.StripPodSpec},
			newReplicaSet(): {Label: ours, Transform: stripMetadata},
			&corev1.Node{}:  {Label: labels.Everything(), Transform: scheduling.StripNode},
			newCRD():        {Label: labels.Everything(), Transform: stripMetadata},
			&corev1.Event{}: {
				Label: labels.Everything(), Field: podWarnings, Transform: cache.TransformStripManagedFields(),
			},
		},
	}
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
