package controller

import (
	"context"
	"errors"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/history"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=get;list;watch

// cacheOptions configures which objects are watched and which fields are cached. A read of any other
// kind is an error, so that nothing is cached by accident. Cached objects are shared. The defaults
// are for applied objects: a kind that is not installed cannot be listed here.
func cacheOptions() cache.Options {
	applied := labels.SelectorFromSet(labels.Set{apply.LabelManagedBy: apply.ManagedBy})
	podWarnings := fields.SelectorFromSet(fields.Set{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"})
	return cache.Options{
		ReaderFailOnMissingInformer:  true,
		DefaultUnsafeDisableDeepCopy: new(true),
		DefaultLabelSelector:         applied,
		DefaultTransform:             stripApplied,
		ByObject: map[client.Object]cache.ByObject{
			&v1.NpuDeploy{}:       {Label: labels.Everything(), Transform: stripOwner},
			&v1.Project{}:         {Label: labels.Everything(), Transform: stripOwner},
			&v1.TemplateRollout{}: {Label: labels.Everything(), Transform: cache.TransformStripManagedFields()},
			&corev1.Pod{}:         {Label: applied, Transform: scheduling.StripPodSpec},
			newReplicaSet():       {Label: applied, Transform: stripReplicaSet},
			&corev1.Node{}:        {Label: labels.Everything(), Transform: scheduling.StripNode},
			newCRD():              {Label: labels.Everything(), Transform: stripCRD},
			&corev1.Event{}: {
				Label: labels.Everything(), Field: podWarnings, Transform: cache.TransformStripManagedFields(),
			},
		},
	}
}

func newReplicaSet() *metav1.PartialObjectMetadata {
	set := &metav1.PartialObjectMetadata{}
	set.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"})
	return set
}

func newCRD() *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
	})
	return crd
}

// isNotCached reports whether a kind is not watched because it is not installed.
func isNotCached(err error) bool {
	_, is := errors.AsType[*cache.ErrResourceNotCached](err)
	return is
}

// stripApplied is the transform of applied objects. It keeps the summary of the fields that
// we own, and what status reads.
func stripApplied(object any) (any, error) {
	applied, ok := object.(client.Object)
	if !ok {
		return object, nil // a tombstone
	}
	if !apply.Summarize(applied) {
		return object, nil
	}
	stripAppliedMetadata(applied)
	switch applied := applied.(type) {
	case *appsv1.Deployment:
		stripDeployment(applied)
	case *unstructured.Unstructured:
		switch applied.GroupVersionKind() {
		case manifests.LeaderWorkerSet():
			stripGroups(applied)
		case manifests.RayService():
			stripRay(applied)
		default:
			delete(applied.Object, "spec")
		}
	}
	return applied, nil
}

// stripAppliedMetadata keeps the metadata that is read and that Summarize has not summarized. The label is needed only
// for an object without a controller.
func stripAppliedMetadata(applied client.Object) {
	cached.Metadata(applied)
	labels := applied.GetLabels()
	applied.SetLabels(nil)
	if metav1.GetControllerOfNoCopy(applied) == nil {
		applied.SetLabels(cached.Only(labels, v1.LabelDeploy))
	}
	applied.SetAnnotations(cached.Only(applied.GetAnnotations(), v1.AnnotationAdopt, status.AnnotationRevision))
}

// stripDeployment keeps what status reads of the specification and the status, and the digest of the specification.
func stripDeployment(deployment *appsv1.Deployment) {
	metav1.SetMetaDataAnnotation(&deployment.ObjectMeta, annotationSpec, specDigest(&deployment.Spec))
	pod := corev1.PodSpec{
		InitContainers: stripContainers(deployment.Spec.Template.Spec.InitContainers),
		Containers:     stripContainers(deployment.Spec.Template.Spec.Containers),
	}
	deployment.Spec = appsv1.DeploymentSpec{
		Replicas: deployment.Spec.Replicas, Paused: deployment.Spec.Paused, Template: corev1.PodTemplateSpec{Spec: pod},
	}
	var errors []appsv1.DeploymentCondition
	for _, condition := range deployment.Status.Conditions {
		if status.IsCreationError(condition) {
			errors = append(errors, condition)
		}
	}
	deployment.Status.Conditions = errors
}

// stripGroups keeps what status.LeaderWorkerSet has.
func stripGroups(set *unstructured.Unstructured) {
	kept := map[string]any{}
	keep := func(from map[string]any, path ...string) {
		if value, exists, _ := unstructured.NestedFieldNoCopy(from, path...); exists {
			_ = unstructured.SetNestedField(kept, runtime.DeepCopyJSONValue(value), path...)
		}
	}
	spec, _, _ := unstructured.NestedMap(set.Object, "spec")
	keep(spec, "replicas")
	keep(spec, "leaderWorkerTemplate", "size")
	for _, template := range []string{"leaderTemplate", "workerTemplate"} {
		fields, _, _ := unstructured.NestedMap(spec, "leaderWorkerTemplate", template)
		_ = unstructured.SetNestedMap(kept, strippedTemplate(fields), "leaderWorkerTemplate", template)
	}
	set.Object["spec"] = kept
}

// strippedTemplate returns what status reads of a template of pods.
func strippedTemplate(template map[string]any) map[string]any {
	pod := map[string]any{}
	for _, list := range []string{"initContainers", "containers"} {
		containers, _, _ := unstructured.NestedSlice(template, "spec", list)
		for i := range containers {
			fields, _ := containers[i].(map[string]any)
			maps.DeleteFunc(fields, func(name string, _ any) bool {
				return !slices.Contains([]string{"name", "resources", "startupProbe"}, name)
			})
		}
		if len(containers) > 0 {
			pod[list] = containers
		}
	}
	return map[string]any{"spec": pod}
}

// stripRay keeps what status.RayService has.
func stripRay(service *unstructured.Unstructured) {
	config, _, _ := unstructured.NestedMap(service.Object, "spec", "rayClusterConfig")
	strip := func(group any) map[string]any {
		fields, _ := group.(map[string]any)
		template, _ := fields["template"].(map[string]any)
		kept := map[string]any{"template": strippedTemplate(template)}
		for _, name := range []string{"replicas", "numOfHosts"} {
			if value, exists := fields[name]; exists {
				kept[name] = value
			}
		}
		return kept
	}
	workers, _ := config["workerGroupSpecs"].([]any)
	for i := range workers {
		workers[i] = strip(workers[i])
	}
	stripped := map[string]any{"headGroupSpec": strip(config["headGroupSpec"]), "workerGroupSpecs": workers}
	if suspend, exists := config["suspend"]; exists {
		stripped["suspend"] = suspend
	}
	service.Object["spec"] = map[string]any{"rayClusterConfig": stripped}
}

// annotationSpec has the digest of a cached Deployment's spec, most of which is not cached.
const annotationSpec = "dudaji.com/spec-digest"

func specDigest(spec *appsv1.DeploymentSpec) string {
	content, err := spec.Marshal()
	if err != nil {
		return "" // What was decoded can be encoded.
	}
	return apply.Digest(content)
}

// stripContainers keeps what status reads of a template's containers. Equal ones are shared.
func stripContainers(containers []corev1.Container) []corev1.Container {
	if len(containers) == 0 {
		return nil
	}
	stripped := make([]corev1.Container, len(containers))
	for i, container := range containers {
		stripped[i] = corev1.Container{
			Name: container.Name, RestartPolicy: container.RestartPolicy, StartupProbe: container.StartupProbe,
			Resources: corev1.ResourceRequirements{Limits: container.Resources.Limits},
		}
	}
	return cached.Containers(stripped)
}

// revisions shares the annotations of ReplicaSets, most of which have the first revision.
var revisions cached.Shared[map[string]string] //nolint:gochecknoglobals // The maps are not modified.

// stripReplicaSet is the transform of ReplicaSets. It keeps the revision, and the labels by which that is found.
func stripReplicaSet(object any) (any, error) {
	set, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil // a tombstone
	}
	labels := cached.Only(set.Labels, v1.LabelDeploy, v1.LabelPicker, appsv1.DefaultDeploymentUniqueLabelKey)
	revision := set.Annotations[status.AnnotationRevision]
	stripPartial(set)
	set.Labels, set.Annotations = labels, revisions.Get(revision, func() map[string]string {
		return map[string]string{status.AnnotationRevision: revision}
	})
	return set, nil
}

// stripCRD is the transform of CustomResourceDefinitions.
func stripCRD(object any) (any, error) {
	if crd, ok := object.(*metav1.PartialObjectMetadata); ok {
		stripPartial(crd)
	}
	return object, nil
}

// stripPartial keeps the name, the version and the owner of an object.
func stripPartial(object *metav1.PartialObjectMetadata) {
	object.ObjectMeta = metav1.ObjectMeta{
		Namespace: object.Namespace, Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion,
		DeletionTimestamp: object.DeletionTimestamp, OwnerReferences: object.OwnerReferences,
	}
	cached.Metadata(object)
}

// stripOwner is the transform of NpuDeploys and Projects.
func stripOwner(object any) (any, error) {
	switch owner := object.(type) {
	case *v1.NpuDeploy:
		stripOwnerMetadata(owner)
		shareStatus(&owner.Status)
	case *v1.Project:
		stripOwnerMetadata(owner)
	}
	return object, nil
}

// stripOwnerMetadata keeps the annotation that selects templates, and who changed the spec last.
func stripOwnerMetadata(owner client.Object) {
	history.KeepLastChange(owner)
	cached.Metadata(owner)
	owner.SetAnnotations(cached.Only(owner.GetAnnotations(), v1.AnnotationUpdateTo))
}

// shareStatus shares what the statuses of many NpuDeploys have.
func shareStatus(status *v1.NpuDeployStatus) {
	status.Conditions = slices.Clone(status.Conditions) // Decoded, it has spare capacity.
	for i := range status.Conditions {
		condition := &status.Conditions[i]
		condition.Type, condition.Status = cached.Text(condition.Type), cached.Text(condition.Status)
		condition.Reason, condition.Message = cached.Text(condition.Reason), cached.Text(condition.Message)
	}
	status.Image, status.Templates, status.ReplicaSummary = cached.Text(status.Image), cached.Text(status.Templates), cached.Text(status.ReplicaSummary)
}

// listDeploys lists the cached NpuDeploys of a namespace, or of all. They are shared: the list of the cache would copy
// 40 MB for ten thousand, at each event while a rollout is open.
func listDeploys(ctx context.Context, from cache.Informers, namespace string) ([]*v1.NpuDeploy, error) {
	indexer, err := cached.Indexer(ctx, from, &v1.NpuDeploy{})
	if err != nil {
		return nil, err
	}
	objects := indexer.List()
	if namespace != metav1.NamespaceAll {
		if objects, err = indexer.ByIndex(toolscache.NamespaceIndex, namespace); err != nil {
			return nil, err
		}
	}
	deploys := make([]*v1.NpuDeploy, 0, len(objects))
	for _, object := range objects {
		if deploy, ok := object.(*v1.NpuDeploy); ok {
			deploys = append(deploys, deploy)
		}
	}
	return deploys, nil
}
