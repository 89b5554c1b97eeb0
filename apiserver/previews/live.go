package previews

import (
	"context"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// manifests is what a live NpuDeploy renders to.
type manifests struct {
	Templates string           `json:"templates" doc:"digest of the templates that serve, which rendered it"`
	Applied   string           `json:"applied,omitempty" doc:"digest of the templates of the last apply; another one while a rollout is in progress"`
	Manifests []map[string]any `json:"manifests" doc:"the objects, without what Kubernetes and admission add"`
	Sources   []source         `json:"sources,omitempty" doc:"where each field comes from"`
}

// deletion is what a delete of an NpuDeploy also deletes.
type deletion struct {
	resources.Deletion

	Claims []claim `json:"claims" doc:"the PersistentVolumeClaims that its pods mount"`
}

type claim struct {
	Name    string `json:"name" doc:"name of the claim"`
	Deleted bool   `json:"deleted" doc:"the NpuDeploy owns the claim, which is deleted with its data"`
}

func (h *Handlers) manifestsRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readManifests", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/manifests", Summary: "Render an NpuDeploy as it is",
			Query:   []openapi.Parameter{sourcesParameter()},
			Returns: rest.JSON(manifests{}), Status: http.StatusOK, Errors: []int{http.StatusUnprocessableEntity},
		},
		Needs: rest.Needs(npudeploys.Resource, "get"), Handler: h.manifests,
	}
}

func (h *Handlers) deletionRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "previewDeletion", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/deletion", Summary: "List what deleting an NpuDeploy also deletes",
			Returns: rest.JSON(deletion{}), Status: http.StatusOK,
		},
		Needs: rest.Needs(npudeploys.Resource, "get"), Handler: h.deletion,
	}
}

func (h *Handlers) manifests(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy, input, err := h.readRendered(r, user)
	if err != nil {
		return err
	}
	if deploy.err != nil {
		return deploy.err
	}
	response := manifests{Templates: input.templates.Digest, Manifests: []map[string]any{}}
	response.Applied, _, _ = unstructured.NestedString(deploy.object.Object, "status", "templates")
	for _, object := range deploy.result.Objects {
		response.Manifests = append(response.Manifests, object.Object)
	}
	if input.sources {
		if response.Sources, err = sourcesOf(deploy.result); err != nil {
			return err
		}
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}

// deletion also serves an NpuDeploy that does not render, without objects.
func (h *Handlers) deletion(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	rendered, _, err := h.readRendered(r, user)
	if err != nil {
		return err
	}
	deploy := &v1.NpuDeploy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rendered.object.Object, deploy); err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, newDeletion(rendered.result, deploy.Status.URL))
}

func newDeletion(result *render.Result, url string) deletion {
	d := deletion{Deletion: resources.NewDeletion(objectsOf(result), url), Claims: []claim{}}
	for _, name := range claimsOf(result) {
		d.Claims = append(d.Claims, claim{Name: name, Deleted: d.Owns("PersistentVolumeClaim", name)})
	}
	return d
}

// readRendered reads and renders the NpuDeploy that the path names.
func (h *Handlers) readRendered(r *http.Request, user *kube.UserClient) (*rendered, renderInput, error) {
	deploy := &rendered{object: npudeploys.Kind().Object(r)}
	input, err := h.renderInput(r, deploy.object.GetNamespace())
	if err != nil {
		return nil, renderInput{}, err
	}
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy.object), deploy.object); err != nil {
		return nil, renderInput{}, err
	}
	return deploy, input, h.renderer.renderLive(r.Context(), input, deploy)
}

// Objects returns what the serving templates render for a live NpuDeploy: nothing if they do not.
func (h *Handlers) Objects(ctx context.Context, object *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	settings, err := h.projectSettings(ctx, object.GetNamespace())
	if err != nil {
		return nil, err
	}
	deploy := rendered{object: object}
	err = h.renderer.renderLive(ctx, renderInput{templates: h.Templates(), settings: settings}, &deploy)
	return objectsOf(deploy.result), err
}

// objectsOf returns the objects of a result, which may be nil.
func objectsOf(result *render.Result) []*unstructured.Unstructured {
	if result == nil {
		return nil
	}
	return result.Objects
}

// claimsOf returns the names of the claims that rendered pods mount, sorted.
func claimsOf(result *render.Result) []string {
	var names []string
	for _, object := range objectsOf(result) {
		content, ok, _ := unstructured.NestedMap(object.Object, "spec", "template", "spec")
		var pod corev1.PodSpec
		if !ok || runtime.DefaultUnstructuredConverter.FromUnstructured(content, &pod) != nil {
			continue
		}
		for i := range pod.Volumes {
			if source := pod.Volumes[i].PersistentVolumeClaim; source != nil {
				names = append(names, source.ClaimName)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
