package rollouts

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// difference is the difference between two sets of templates.
type difference struct {
	From string `json:"from" doc:"digest of the first set"`
	To   string `json:"to" doc:"digest of the second set"`
	Diff string `json:"diff" doc:"unified diff of their files; empty if they are the same"`
}

func diffRoute() rest.Route {
	parameter := func(name string) openapi.Parameter {
		return openapi.Parameter{Name: name, Doc: "digest of a set, its beginning, or the name or revision of a TemplateRollout", Required: true}
	}
	return rest.Route{
		Operation: openapi.Operation{
			ID: "diffTemplates", Method: http.MethodGet, Path: rest.Prefix + "/templates/diff",
			Summary: "Compare the files of two sets of templates that the controller keeps",
			Query:   []openapi.Parameter{parameter("from"), parameter("to")},
			Returns: rest.JSON(difference{}), Status: http.StatusOK, Errors: []int{http.StatusNotFound},
		},
		Needs: append(rest.Needs(Resource, "list"), needStored()), Handler: diff,
	}
}

// needStored returns the permission to read stored sets, in the controller's namespace.
func needStored() rest.Need {
	return rest.Need{Verb: "list", Group: appsv1.GroupName, Resource: "controllerrevisions"}
}

func diff(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	names := [2]string{"from", "to"}
	for _, name := range names {
		if r.URL.Query().Get(name) == "" {
			return problem.New(http.StatusBadRequest, name+" is required")
		}
	}
	rollouts, stored, err := readStored(r, user)
	if err != nil {
		return err
	}
	var digests [2]string
	var sets [2]fs.FS
	for i, name := range names {
		digests[i], sets[i], err = find(rollouts, stored, r.URL.Query().Get(name))
		if errors.Is(err, templates.ErrNotStored) {
			return problem.New(http.StatusNotFound, fmt.Sprintf("%s: %v", name, err))
		}
		if err != nil {
			return err
		}
	}
	delta, err := templates.Diff(digests[0], sets[0], digests[1], sets[1])
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, difference{digests[0], digests[1], string(delta)})
}

// readStored returns the rollouts, the newest first, and the sets that the controller keeps.
func readStored(r *http.Request, user *kube.UserClient) ([]v1.TemplateRollout, []appsv1.ControllerRevision, error) {
	var rollouts v1.TemplateRolloutList
	if err := user.List(r.Context(), &rollouts); err != nil {
		return nil, nil, rest.WithVerb("list", err)
	}
	rollout.SortNewestFirst(rollouts.Items)
	namespace := rollout.StoredIn(rollouts.Items)
	if namespace == "" {
		return nil, nil, problem.New(http.StatusNotFound, "no TemplateRollout names the namespace in which templates are kept")
	}
	var stored appsv1.ControllerRevisionList
	err := user.List(r.Context(), &stored, client.InNamespace(namespace), client.HasLabels{templates.LabelStored})
	if apierrors.IsForbidden(err) {
		need := needStored()
		err = rest.Forbidden(problem.Missing{Verb: need.Verb, Group: need.Group, Resource: need.Resource, Namespace: namespace})
	}
	return rollouts.Items, stored.Items, err
}

// find returns the set of a rollout, or the set whose digest begins with the text.
func find(newestFirst []v1.TemplateRollout, stored []appsv1.ControllerRevision, which string) (string, fs.FS, error) {
	if named, err := rollout.Select(newestFirst, which); err == nil {
		which = named.Spec.Templates
	}
	return templates.FindStored(stored, which)
}
