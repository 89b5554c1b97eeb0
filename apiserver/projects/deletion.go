package projects

import (
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
)

// deletion is what a delete of a Project also deletes.
type deletion struct {
	resources.Deletion

	NpuDeploys []deletedDeploy `json:"npuDeploys" doc:"the NpuDeploys in its namespace, by name"`
}

type deletedDeploy struct {
	Name string `json:"name" doc:"name of the NpuDeploy"`
	URL  string `json:"url,omitempty" doc:"the address that no longer answers"`
}

func (h *Handlers) deletionRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "previewProjectDeletion", Method: http.MethodGet, Path: objectPath + "/deletion",
			Summary: "List what deleting a Project also deletes, besides all else in its namespace",
			Returns: rest.JSON(deletion{}), Status: http.StatusOK,
		},
		Handler: h.deletion,
	}
}

// deletion responds to users who may delete the Project: they may read the names of its NpuDeploys.
func (h *Handlers) deletion(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := h.project(w, r, user)
	if err != nil {
		return err
	}
	if err := requireVerb(r.Context(), user, "delete", project.Name); err != nil {
		return err
	}
	state, err := npudeploys.State(r.Context(), h.cluster, "")
	if err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	if rendered, err := h.templates().RenderProject(project); err == nil { // Otherwise nothing of it was applied.
		objects = rendered.Objects
	}
	response := deletion{Deletion: resources.NewDeletion(objects, ""), NpuDeploys: []deletedDeploy{}}
	for _, deploy := range state.ListAfter(project.Name, live.Key{}) {
		response.NpuDeploys = append(response.NpuDeploys, deletedDeploy{deploy.Name, deploy.Status.URL})
	}
	rest.SetStale(w, h.cluster.UnreachableSince(live.Projects, live.NpuDeploys), h.clock())
	return rest.WriteJSON(w, http.StatusOK, response)
}
