// Package workloads serves what an NpuDeploy runs: its pods, why they are not ready, its
// events and the logs of its pods. All of it is read as the user.
package workloads

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Handlers serve pods, events and logs.
type Handlers struct {
	cluster *live.Cache
	streams *rest.Streams
	timeout time.Duration // to find a log
	objects renderFunc
}

// renderFunc returns the objects that a live NpuDeploy renders to.
type renderFunc func(ctx context.Context, deploy *unstructured.Unstructured) ([]*unstructured.Unstructured, error)

// New returns Handlers. A log that cannot be opened within the timeout is an error.
func New(cluster *live.Cache, streams *rest.Streams, timeout time.Duration, objects renderFunc) *Handlers {
	return &Handlers{cluster: cluster, streams: streams, timeout: timeout, objects: objects}
}

// Routes returns all routes of this package.
func (h *Handlers) Routes() []rest.Route {
	return []rest.Route{h.podsRoute(), h.eventsRoute(), h.logsRoute()}
}

// maxPods bounds the pods of an NpuDeploy that are examined: a node that rejects pods can
// leave thousands.
const maxPods = 500

// ownedObjects are an NpuDeploy and the objects that it owns. They are found by label and
// verified by owner reference: anyone can write a label.
type ownedObjects struct {
	deploy *v1.NpuDeploy
	pods   []corev1.Pod // the newest first, maxPods at most; endpoint pickers are last
	total  int          // of pods
	uids   map[types.UID]bool

	hasPicker bool // an endpoint picker
}

// ownedNeeds are the permissions that readOwned requires.
func ownedNeeds(more ...rest.Need) []rest.Need {
	return append(append(rest.Needs(npudeploys.Resource, "get"),
		rest.Need{Verb: "list", Group: appsv1.GroupName, Resource: "deployments"},
		rest.Need{Verb: "list", Group: appsv1.GroupName, Resource: "replicasets"},
		rest.Need{Verb: "list", Resource: "pods"}), append(groupNeeds(), more...)...)
}

// readOwned reads the NpuDeploy that the path names and its owned objects.
func readOwned(r *http.Request, user *kube.UserClient) (*ownedObjects, error) {
	ctx, key := r.Context(), types.NamespacedName{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"]}
	owned := &ownedObjects{deploy: &v1.NpuDeploy{}, uids: map[types.UID]bool{}}
	if err := user.Get(ctx, key, owned.deploy); err != nil {
		return nil, rest.WithVerb("get", err)
	}
	owned.uids[owned.deploy.UID] = true
	labelled := []client.ListOption{client.InNamespace(key.Namespace), client.MatchingLabels{v1.LabelDeploy: key.Name}}
	for _, kind := range []string{"DeploymentList", "ReplicaSetList"} {
		err := listPages(ctx, user, newPartialList(appsv1.SchemeGroupVersion.WithKind(kind)), owned.addAll, labelled...)
		if err != nil {
			return nil, err
		}
	}
	if owned.mayHaveGroups() {
		if err := owned.addGroups(ctx, user, labelled...); err != nil {
			return nil, err
		}
		if err := owned.addRay(ctx, user, labelled...); err != nil {
			return nil, err
		}
	}
	if err := owned.listPods(ctx, user, labelled...); err != nil || !owned.hasPicker {
		return owned, err
	}
	return owned, owned.addPicker(ctx, user)
}

// addPicker adds the ReplicaSets and pods of the endpoint picker, which have a label of their own.
func (o *ownedObjects) addPicker(ctx context.Context, user *kube.UserClient) error {
	labelled := []client.ListOption{client.InNamespace(o.deploy.Namespace), client.MatchingLabels{v1.LabelPicker: o.deploy.Name}}
	err := listPages(ctx, user, newPartialList(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList")), o.addAll, labelled...)
	if err != nil {
		return err
	}
	return o.listPods(ctx, user, labelled...)
}

func (o *ownedObjects) listPods(ctx context.Context, user *kube.UserClient, options ...client.ListOption) error {
	newList := func() *corev1.PodList { return &corev1.PodList{} }
	return listPages(ctx, user, newList, func(page *corev1.PodList) { o.addPods(page.Items) }, options...)
}

func newPartialList(kind schema.GroupVersionKind) func() *metav1.PartialObjectMetadataList {
	return func() *metav1.PartialObjectMetadataList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		return list
	}
}

// addAll adds the objects of a page.
func (o *ownedObjects) addAll(page *metav1.PartialObjectMetadataList) {
	for i := range page.Items {
		isOwned := o.add(&page.Items[i])
		o.hasPicker = o.hasPicker || isOwned && page.Items[i].Name == manifests.PickerName(o.deploy.Name)
	}
}

// add adds an object that is controlled by one of the owned objects, and reports whether it is.
func (o *ownedObjects) add(object metav1.Object) bool {
	owner := metav1.GetControllerOf(object)
	if owner == nil || !o.uids[owner.UID] {
		return false
	}
	o.uids[object.GetUID()] = true
	return true
}

func (o *ownedObjects) addPods(pods []corev1.Pod) {
	for i := range pods {
		if !o.uids[pods[i].UID] && o.add(&pods[i]) {
			o.total++
			o.pods = append(o.pods, pods[i])
		}
	}
	slices.SortFunc(o.pods, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Labels[v1.LabelPicker], b.Labels[v1.LabelPicker]),
			b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	o.pods = slices.Clip(o.pods[:min(len(o.pods), maxPods)])
}

// listPages lists objects page by page, each into a new list: decoding into a used one keeps
// some of its values.
func listPages[L client.ObjectList](ctx context.Context, user *kube.UserClient, newList func() L, visit func(L), options ...client.ListOption) error {
	for next, more := "", true; more; more = next != "" {
		page := newList()
		if err := user.List(ctx, page, append(options, client.Limit(rest.MaxPage), client.Continue(next))...); err != nil {
			return rest.WithVerb("list", err)
		}
		visit(page)
		next = page.GetContinue()
	}
	return nil
}

// listEvents lists the events of the path's namespace.
func listEvents(r *http.Request, user *kube.UserClient, visit func(*corev1.Event), options ...client.ListOption) error {
	newList := func() *corev1.EventList { return &corev1.EventList{} }
	return listPages(r.Context(), user, newList, func(page *corev1.EventList) {
		for i := range page.Items {
			visit(&page.Items[i])
		}
	}, append(options, client.InNamespace(mux.Vars(r)["namespace"]))...)
}
