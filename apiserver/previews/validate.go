package previews

import (
	"encoding/json"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// validatedDeploy is what a valid NpuDeploy renders to, in short.
type validatedDeploy struct {
	Templates   string                `json:"templates" doc:"digest of the templates"`
	Objects     []string              `json:"objects" doc:"kind/name of what the controller would apply, in this order"`
	URL         string                `json:"url" doc:"address of the server"`
	Image       string                `json:"image" doc:"of the server"`
	Accelerator *v1.AcceleratorStatus `json:"accelerator,omitempty" doc:"devices of each replica; absent: none"`
}

func (h *Handlers) validateRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "validateNpuDeploy", Method: http.MethodPost, Path: rest.Prefix + "/namespaces/{namespace}/validate",
			Summary: "Validate an NpuDeploy with the templates alone, for editors",
			Accepts: []openapi.Content{{Types: []string{rest.MediaJSON, rest.MediaYAML}, Schema: npudeploys.InputSchema}},
			Returns: rest.JSON(validatedDeploy{}), Status: http.StatusOK,
		},
		Needs: rest.Needs(npudeploys.Resource, "get"), Handler: h.validate,
	}
}

// validate renders the body as it is, without a dry run: values that other managers own, and
// admission, are left to the preview.
func (h *Handlers) validate(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy, err := npudeploys.Kind().Read(r, rest.MediaJSON, rest.MediaYAML)
	if err != nil {
		return err
	}
	if _, err := rest.ReviewAccess(r.Context(), user, npudeploys.Need("get"), deploy.GetNamespace()); err != nil {
		return err
	}
	if deploy.GetName() == "" {
		return problem.Invalid("metadata.name", "is missing")
	}
	settings, err := h.projectSettings(r.Context(), deploy.GetNamespace())
	if err != nil {
		return err
	}
	document, err := json.Marshal(deploy.Object)
	if err != nil {
		return err
	}
	set := h.Templates()
	if err := h.renderer.acquire(r.Context()); err != nil {
		return err
	}
	result, err := set.RenderYAML("body", document, settings)
	h.renderer.release()
	if err != nil {
		return err
	}
	response := validatedDeploy{
		Templates: set.Digest, Objects: []string{}, URL: result.Resolved.URL, Image: result.Resolved.Image, Accelerator: result.Resolved.Accelerator,
	}
	for _, object := range result.Objects {
		response.Objects = append(response.Objects, object.GetKind()+"/"+object.GetName())
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}
