// Package rollouts serves TemplateRollouts: the rollouts of sets of templates, and the requests that
// operators make of them. Every call is made as the user.
package rollouts

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// Resource is the name in RBAC's rules.
	Resource = "templaterollouts"

	// Schema is the schema of a TemplateRollout.
	Schema = openapi.Ref("TemplateRollout")
	// ListSchema is the schema of a list of them.
	ListSchema = openapi.Ref("TemplateRolloutList")

	collectionPath = rest.Prefix + "/" + Resource
	objectPath     = collectionPath + "/{name}"
)

// Routes returns all routes of TemplateRollouts.
func Routes() []rest.Route {
	return slices.Concat(requestRoutes(), []rest.Route{
		diffRoute(),
		{
			Operation: openapi.Operation{
				ID: "listTemplateRollouts", Method: http.MethodGet, Path: collectionPath,
				Summary: "List the rollouts of templates, the newest first", Returns: rest.JSON(ListSchema), Status: http.StatusOK,
			},
			Needs: rest.Needs(Resource, "list"), Handler: list,
		},
		{
			Operation: openapi.Operation{
				ID: "readTemplateRollout", Method: http.MethodGet, Path: objectPath,
				Summary: "Read a rollout of templates: its waves, and why it is halted", Returns: rest.JSON(Schema), Status: http.StatusOK,
			},
			Needs: rest.Needs(Resource, "get"), Handler: get,
		},
	})
}

func requestRoutes() []rest.Route {
	requests := rollout.Requests()
	routes := make([]rest.Route, len(requests))
	for i, request := range requests {
		routes[i] = rest.Route{
			Operation: openapi.Operation{
				ID: string(request) + "TemplateRollout", Method: http.MethodPost, Path: objectPath + "/" + string(request),
				Summary: request.Summary(), Returns: rest.JSON(Schema), Status: http.StatusOK,
			},
			Change: string(request), Needs: rest.Needs(Resource, "get", "patch"), Handler: send(request),
		}
	}
	return routes
}

func list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	var rollouts v1.TemplateRolloutList
	if err := user.List(r.Context(), &rollouts); err != nil {
		return err
	}
	rollouts.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindTemplateRollout + "List"))
	for i := range rollouts.Items {
		setType(&rollouts.Items[i])
	}
	rollout.SortNewestFirst(rollouts.Items)
	if rollouts.Items == nil {
		rollouts.Items = []v1.TemplateRollout{}
	}
	return rest.WriteJSON(w, http.StatusOK, rollouts)
}

func get(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	read, err := read(r, user)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, setType(read))
}

func read(r *http.Request, user *kube.UserClient) (*v1.TemplateRollout, error) {
	var read v1.TemplateRollout
	err := user.Get(r.Context(), client.ObjectKey{Name: mux.Vars(r)["name"]}, &read)
	return &read, rest.WithVerb("get", err)
}

// send returns the handler of a request, which is a patch of the spec.
func send(request rollout.Request) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		current, err := read(r, user)
		if err != nil {
			return err
		}
		change, err := request.Patch(current)
		if errors.Is(err, rollout.ErrNotApplicable) {
			return problem.New(http.StatusConflict, err.Error())
		}
		if err != nil {
			return err
		}
		err = user.Patch(r.Context(), current, client.RawPatch(types.MergePatchType, change), resources.FieldManager)
		if err != nil {
			return rest.WithVerb("patch", err)
		}
		return rest.WriteJSON(w, http.StatusOK, setType(current))
	}
}

// setType sets apiVersion and kind, which Go's clients leave out, and removes managedFields.
func setType(rollout *v1.TemplateRollout) *v1.TemplateRollout {
	rollout.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindTemplateRollout))
	rollout.SetManagedFields(nil)
	return rollout
}
