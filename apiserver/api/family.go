package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxPods is how many pods of an NpuDeploy are looked at: a node that refuses pods can
// leave thousands.
const maxPods = 500

// family is an NpuDeploy and what it has become. Labels find it, and owners prove it:
// anybody can write a label.
type family struct {
	deploy *v1.NpuDeploy
	pods   []corev1.Pod // the newest first, maxPods at most
	total  int          // of pods
	uids   map[types.UID]bool
}

// familyNeeds are the permissions that familyOf takes.
func familyNeeds() []need {
	return append(needs(resource, "get"),
		need{verb: "list", group: appsv1.GroupName, resource: "deployments"},
		need{verb: "list", group: appsv1.GroupName, resource: "replicasets"},
		need{verb: "list", resource: "pods"})
}

// familyOf reads as the person.
func familyOf(r *http.Request, user *kube.UserClient) (*family, error) {
	ctx, key := r.Context(), types.NamespacedName{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"]}
	f := &family{deploy: &v1.NpuDeploy{}, uids: map[types.UID]bool{}}
	if err := user.Get(ctx, key, f.deploy); err != nil {
		return nil, attempted("get", err)
	}
	f.uids[f.deploy.UID] = true
	for _, entry := range f.deploy.Status.Inventory {
		f.uids[types.UID(entry.UID)] = entry.UID != ""
	}
	related := []client.ListOption{client.InNamespace(key.Namespace), client.MatchingLabels{v1.LabelDeploy: key.Name}}
	for _, kind := range []string{"DeploymentList", "ReplicaSetList"} {
		empty := func() *metav1.PartialObjectMetadataList {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind(kind))
			return list
		}
		err := eachPage(ctx, user, empty, func(page *metav1.PartialObjectMetadataList) {
			for i := range page.Items {
				f.adopt(&page.Items[i])
			}
		}, related...)
		if err != nil {
			return nil, err
		}
	}
	return f, eachPage(ctx, user, emptyPods, func(page *corev1.PodList) { f.addPods(page.Items) }, related...)
}

// adopt takes in what is controlled by one of the family, and says whether it is.
func (f *family) adopt(object metav1.Object) bool {
	owner := metav1.GetControllerOf(object)
	if owner == nil || !f.uids[owner.UID] {
		return false
	}
	f.uids[object.GetUID()] = true
	return true
}

func (f *family) addPods(pods []corev1.Pod) {
	for i := range pods {
		if f.adopt(&pods[i]) {
			f.total++
			f.pods = append(f.pods, pods[i])
		}
	}
	slices.SortFunc(f.pods, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	f.pods = slices.Clip(f.pods[:min(len(f.pods), maxPods)])
}

// eachPage reads a list page by page, each into an empty one: what is decoded over
// another keeps some of it.
func eachPage[L client.ObjectList](ctx context.Context, user *kube.UserClient, empty func() L, look func(L), options ...client.ListOption) error {
	for next, more := "", true; more; more = next != "" {
		page := empty()
		if err := user.List(ctx, page, append(options, client.Limit(maxPage), client.Continue(next))...); err != nil {
			return attempted("list", err)
		}
		look(page)
		next = page.GetContinue()
	}
	return nil
}

func emptyPods() *corev1.PodList     { return &corev1.PodList{} }
func emptyEvents() *corev1.EventList { return &corev1.EventList{} }
