package npudeploys

import (
	"fmt"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func updateRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "updateNpuDeploy", Method: http.MethodPost, Path: ObjectPath + "/update",
			Summary: "Use other templates for an NpuDeploy with manual updates",
			Query: []openapi.Parameter{
				{Name: "templates", Doc: "digest of a set that the controller keeps; absent: that of status.update, unless its rollout is halted"},
				rest.DryRunParameter(),
			},
			HasETag: true, Returns: rest.JSON(Schema), Status: http.StatusOK,
		},
		Change: "update", Needs: rest.Needs(Resource, "get", "patch"), Handler: update,
	}
}

func update(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	templates := r.URL.Query().Get("templates")
	if templates != "" && !rollout.IsDigest(templates) {
		return problem.New(http.StatusBadRequest, "templates must be sha256: and twelve hexadecimal digits")
	}
	deploy := typedObject(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return rest.WithVerb("get", err)
	}
	available := deploy.Status.Update
	if deploy.Spec.Updates != v1.UpdateManual && available == nil { // Policy can make it manual too.
		return problem.New(http.StatusConflict, "its updates are automatic")
	}
	if templates == "" {
		if available == nil {
			return problem.New(http.StatusConflict, "it uses the newest templates")
		}
		if templates = available.Templates; isHalted(r, user, templates) {
			return problem.New(http.StatusConflict, fmt.Sprintf("the rollout of templates %s is halted: to use them all the same, name them", templates))
		}
	}
	updated := Kind().Object(r)
	change := map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1.AnnotationUpdateTo: templates}}}
	if err := resources.Merge(r.Context(), user, updated, change, resources.FieldManager, dryRun); err != nil {
		return rest.WithVerb("patch", err)
	}
	return rest.WriteObject(w, r, http.StatusOK, updated)
}

// isHalted reports whether the newest rollout of a set is halted. A user who may not list TemplateRollouts is not
// warned.
func isHalted(r *http.Request, user *kube.UserClient, digest string) bool {
	var rollouts v1.TemplateRolloutList
	if err := user.List(r.Context(), &rollouts); err != nil {
		return false
	}
	rollout.SortNewestFirst(rollouts.Items)
	return rollout.LatestOf(rollouts.Items).IsHalted(digest)
}
