package npudeploys

import (
	"context"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// readTimeout is how long Kubernetes has for an object before the server responds with what
// it observed last.
const readTimeout = 5 * time.Second

func (h *Handlers) readRoutes() []rest.Route {
	list := newRoute("listAllNpuDeploys", allPath, "List the NpuDeploys of all namespaces in which the caller may list them", rest.JSON(ListSchema), "list", h.list)
	list.Query = listParameters()
	list.HasETag, list.Headers = true, []openapi.Parameter{rest.IfNoneMatchParameter()}
	listNamespace := list
	listNamespace.ID, listNamespace.Path, listNamespace.Summary = "listNpuDeploys", collectionPath, "List the NpuDeploys of a namespace"
	read := newRoute("readNpuDeploy", ObjectPath, "Read an NpuDeploy; its ETag is for If-Match", rest.JSON(Schema), "get", h.get)
	read.HasETag, read.Headers = true, []openapi.Parameter{rest.IfNoneMatchParameter()}
	return []rest.Route{list, listNamespace, read}
}

// get reads from Kubernetes: a client that is about to change an object needs its newest
// version.
func (h *Handlers) get(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := Kind().Object(r)
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	err := user.Get(ctx, client.ObjectKeyFromObject(deploy), deploy)
	if kube.Unreachable(err) && r.Context().Err() == nil {
		return h.getObserved(w, r, user)
	}
	if err != nil {
		return err
	}
	user.RecordAllowed("get", v1.Group, Resource, deploy.GetNamespace(), deploy.GetName())
	return rest.WriteIfModified(w, r, deploy)
}

// getObserved responds with what the server observed last, while Kubernetes is unreachable.
func (h *Handlers) getObserved(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	object := Kind().Object(r)
	key := live.Key{Namespace: object.GetNamespace(), Name: object.GetName()}
	allowed, err := mayGet(r.Context(), user, key)
	if err != nil {
		return err
	}
	if !allowed {
		return rest.Forbidden(problem.Missing{Verb: "get", Group: v1.Group, Resource: Resource, Namespace: key.Namespace})
	}
	state, err := State(r.Context(), h.Cluster, "")
	if err != nil {
		return err
	}
	i, ok := state.Find(key)
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Group: v1.Group, Resource: Resource}, key.Name)
	}
	since := h.Cluster.UnreachableSince(live.NpuDeploys)
	if since.IsZero() {
		since = h.Clock() // the server's own watch has not failed yet
	}
	rest.SetStale(w, since, h.Clock())
	deploy := state.Deploys[i]
	if rest.NotModified(w, r, rest.ETag(deploy)) {
		return nil
	}
	return rest.WriteEncoded(w, http.StatusOK, deploy.JSON)
}

// mayGet falls back to the permission to list, if only that has been reviewed: a list
// contains each object completely.
func mayGet(ctx context.Context, user *kube.UserClient, key live.Key) (bool, error) {
	allowed, err := user.Can(ctx, "get", v1.Group, Resource, key.Namespace, key.Name)
	for _, namespace := range []string{"", key.Namespace} {
		if err == nil {
			break
		}
		if mayList, listErr := user.Can(ctx, "list", v1.Group, Resource, namespace, ""); listErr == nil && mayList {
			return true, nil
		}
	}
	return allowed, err
}
