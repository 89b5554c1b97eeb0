package workloads

import (
	"context"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// labelSet has the name of the LeaderWorkerSet of its StatefulSets and pods.
const labelSet = "leaderworkerset.sigs.k8s.io/name"

// groupOf returns the number of the pod's group of a LeaderWorkerSet and its role there, or its role in a
// RayCluster, with prefill or as an endpoint picker. Both are empty for other pods.
func groupOf(pod *corev1.Pod) (*int32, string) {
	if role := pod.Labels[status.LabelRayNode]; role == "head" || role == "worker" {
		return nil, role
	}
	if role := pod.Labels[status.LabelRole]; role == status.RolePrefill || role == status.RoleDecode {
		return nil, role
	}
	if pod.Labels[v1.LabelPicker] != "" {
		return nil, status.RolePicker
	}
	number, err := strconv.ParseInt(pod.Labels[status.LabelGroup], 10, 32)
	if err != nil {
		return nil, ""
	}
	group, role := int32(number), "worker"
	if pod.Labels[status.LabelWorker] == "0" {
		role = "leader"
	}
	return &group, role
}

// groupNeeds are the permissions that addGroups and addRay require.
func groupNeeds() []rest.Need {
	return []rest.Need{
		{Verb: "list", Group: manifests.LeaderWorkerSet().Group, Resource: "leaderworkersets"},
		{Verb: "list", Group: appsv1.GroupName, Resource: "statefulsets"},
		{Verb: "list", Group: manifests.RayService().Group, Resource: "rayservices"},
		{Verb: "list", Group: manifests.RayService().Group, Resource: "rayclusters"},
	}
}

// mayHaveGroups reports whether the replicas may be groups of pods, or in a RayService.
func (o *ownedObjects) mayHaveGroups() bool {
	accelerator, split := o.deploy.Status.Accelerator, o.deploy.Spec.Parallelism
	return accelerator != nil && accelerator.Nodes > 1 || split != nil && split.Workload != ""
}

// addRay adds the RayService and its RayClusters, which control the pods.
func (o *ownedObjects) addRay(ctx context.Context, user *kube.UserClient, labelled ...client.ListOption) error {
	for _, kind := range []string{"RayService", "RayCluster"} {
		list := manifests.RayService().GroupVersion().WithKind(kind + "List")
		err := listPages(ctx, user, newPartialList(list), o.addAll, labelled...)
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return nil // The kind is not installed.
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addGroups adds the pods of a LeaderWorkerSet. One StatefulSet controls the leaders, and each leader
// controls that of its workers.
func (o *ownedObjects) addGroups(ctx context.Context, user *kube.UserClient, labelled ...client.ListOption) error {
	set := manifests.LeaderWorkerSet()
	err := listPages(ctx, user, newPartialList(set.GroupVersion().WithKind(set.Kind+"List")), o.addAll, labelled...)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil // The kind is not installed.
	}
	if err != nil {
		return err
	}
	var sets []metav1.PartialObjectMetadata
	err = listPages(ctx, user, newPartialList(appsv1.SchemeGroupVersion.WithKind("StatefulSetList")),
		func(page *metav1.PartialObjectMetadataList) { sets = append(sets, page.Items...) },
		client.InNamespace(o.deploy.Namespace), client.HasLabels{labelSet})
	if err != nil {
		return err
	}
	var pods []corev1.Pod
	err = listPages(ctx, user, func() *corev1.PodList { return &corev1.PodList{} },
		func(page *corev1.PodList) { pods = append(pods, page.Items...) }, append(labelled, client.HasLabels{labelSet})...)
	if err != nil {
		return err
	}
	for range 2 { // The leaders, and then the workers.
		for i := range sets {
			o.add(&sets[i])
		}
		o.addPods(pods)
	}
	return nil
}
