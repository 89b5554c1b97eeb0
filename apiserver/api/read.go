package api

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
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// freshTime is how long Kubernetes has for an object before the server tells what it knows.
const freshTime = 5 * time.Second

func (a *API) readRoutes() []route {
	query := append(append(selectionParameters(), pageParameters()...),
		openapi.Parameter{Name: "resourceVersion", Doc: "that of an object or a list: wait for what is not older"},
	)
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathAll, Summary: "List the NpuDeploys of all namespaces in which I may list them",
				Query: query, Answers: jsonOf(refList), Status: http.StatusOK,
			},
			needs: needs(resource, "list"), serve: a.list,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathMany, Summary: "List the NpuDeploys of a namespace",
				Query: query, Answers: jsonOf(refList), Status: http.StatusOK,
			},
			needs: needs(resource, "list"), serve: a.list,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathOne, Summary: "Read an NpuDeploy; its ETag is for If-Match",
				Answers: jsonOf(refNpuDeploy), Status: http.StatusOK,
			},
			needs: needs(resource, "get"), serve: a.get,
		},
	}
}

// get asks Kubernetes: who is about to change an object needs it as it is now.
func (a *API) get(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := named(r)
	ctx, cancel := context.WithTimeout(r.Context(), freshTime)
	defer cancel()
	err := user.Get(ctx, client.ObjectKeyFromObject(deploy), deploy)
	if kube.Unreachable(err) && r.Context().Err() == nil {
		return a.getKnown(w, r, user)
	}
	if err != nil {
		return err
	}
	user.RecordAllowed("get", v1.Group, resource, deploy.GetNamespace(), deploy.GetName())
	return writeIfChanged(w, r, deploy)
}

// getKnown answers with what the server knows, while Kubernetes is away.
func (a *API) getKnown(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	key := live.Key{Namespace: named(r).GetNamespace(), Name: named(r).GetName()}
	allowed, err := mayGet(r.Context(), user, key)
	if err != nil {
		return err
	}
	if !allowed {
		return lacking(problem.Missing{Verb: "get", Group: v1.Group, Resource: resource, Namespace: key.Namespace})
	}
	now, err := a.known(r.Context(), "")
	if err != nil {
		return err
	}
	i, found := now.Find(key)
	if !found {
		return apierrors.NewNotFound(schema.GroupResource{Group: v1.Group, Resource: resource}, key.Name)
	}
	since := a.options.Live.UnreachableSince(live.NpuDeploys)
	if since.IsZero() {
		since = a.options.Clock() // the server itself has not noticed yet
	}
	a.stale(w, since)
	deploy := now.Deploys[i]
	if notModified(w, r, deploy) {
		return nil
	}
	w.Header().Set("ETag", etag(deploy))
	return writeText(w, http.StatusOK, deploy.JSON)
}

// mayGet takes the right to list for that to get where only it is known: a list has all
// of each object.
func mayGet(ctx context.Context, user *kube.UserClient, key live.Key) (bool, error) {
	allowed, err := user.Can(ctx, "get", v1.Group, resource, key.Namespace, key.Name)
	for _, namespace := range []string{"", key.Namespace} {
		if err == nil {
			break
		}
		if may, unknown := user.Can(ctx, "list", v1.Group, resource, namespace, ""); unknown == nil && may {
			return true, nil
		}
	}
	return allowed, err
}
