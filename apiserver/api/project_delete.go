package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// deleteProjectRoute is every kind's, but that it asks back before NpuDeploys go, too.
func (a *API) deleteProjectRoute() route {
	route := projects().deleteRoute()
	route.Query = append(route.Query, openapi.Parameter{Name: "confirm", Doc: "the project's name: its NpuDeploys may go, too"})
	remove := route.serve
	route.serve = func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		if err := a.confirmed(r, user); err != nil {
			return err
		}
		return remove(w, r, user)
	}
	return route
}

// confirmed is an error if the project has NpuDeploys and the person has not said that
// they may go. It is a question and not a lock: who has none may be given one before the
// deletion is done.
func (a *API) confirmed(r *http.Request, user *kube.UserClient) error {
	name, confirm := mux.Vars(r)["name"], r.URL.Query().Get("confirm")
	switch confirm {
	case name:
		return nil
	case "":
	default:
		return problem.New(http.StatusBadRequest, "confirm has to be the project's name, or absent")
	}
	// How many there are is for who may delete them by this.
	if err := must(r.Context(), user, "delete", name); err != nil {
		return err
	}
	count, err := a.countDeploys(r.Context(), user, name)
	if err != nil || count == 0 {
		return err
	}
	return problem.New(http.StatusConflict, fmt.Sprintf("NpuDeploys go with the project, %d of them: send ?confirm=%s if they are to", count, name))
}

// countDeploys counts the NpuDeploys of a namespace: those that there are, or that were
// last heard of where the person may not list them.
func (a *API) countDeploys(ctx context.Context, user *kube.UserClient, namespace string) (int, error) {
	list := &v1.NpuDeployList{}
	err := user.List(ctx, list, client.InNamespace(namespace))
	if !apierrors.IsForbidden(err) {
		return len(list.Items), err
	}
	if !a.options.Live.UnreachableSince(live.NpuDeploys).IsZero() {
		return 0, problem.Unavailable("it is not known which NpuDeploys there are: send ?confirm=" + namespace + " if they may go")
	}
	now, err := a.known(ctx, "")
	return len(now.ListAfter(namespace, live.Key{})), err
}
