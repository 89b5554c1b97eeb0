package projects

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
)

// quota is the limits of a project, and how much of each is in use.
type quota struct {
	Resources    []resourceQuota    `json:"resources" doc:"by name, including accelerators"`
	Accelerators []acceleratorQuota `json:"accelerators" doc:"by type"`
}

type resourceQuota struct {
	Resource string `json:"resource" doc:"as in a ResourceQuota: requests.cpu"`
	Hard     string `json:"hard" doc:"the limit, as a Kubernetes quantity"`
	Used     string `json:"used,omitempty" doc:"what is in use; absent until Kubernetes has counted"`
}

type acceleratorQuota struct {
	Type string `json:"type" doc:"type of accelerator"`
	Hard int64  `json:"hard" doc:"maximum number of devices"`
	Used int64  `json:"used" doc:"devices that pods request"`
}

func (h *Handlers) quotaRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readQuota", Method: http.MethodGet, Path: objectPath + "/quota", Summary: "Read the limits of a Project, and how much of each is in use",
			Returns: rest.JSON(quota{}), Status: http.StatusOK,
		},
		Needs:   append(rest.Needs(live.Projects, "get"), rest.Need{Verb: "list", Resource: "resourcequotas", InProject: true}),
		Handler: h.quota,
	}
}

// quota reads the project's ResourceQuota: its spec may not be in effect yet. ResourceQuotas
// that administrators add are not part of the project.
func (h *Handlers) quota(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := h.project(w, r, user)
	if err != nil {
		return err
	}
	list := &corev1.ResourceQuotaList{}
	if err := user.List(r.Context(), list, client.InNamespace(project.Name)); err != nil {
		return rest.WithVerb("list", err)
	}
	own := &corev1.ResourceQuota{} // without limits
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], project) {
			own = &list.Items[i]
		}
	}
	return rest.WriteJSON(w, http.StatusOK, quotaOf(own, h.templates().Catalogue.Accelerators))
}

// quotaOf adds up the resources of each accelerator, which may have several names.
func quotaOf(object *corev1.ResourceQuota, accelerators []render.Accelerator) quota {
	types := typesByResource(accelerators)
	response := quota{Resources: []resourceQuota{}, Accelerators: []acceleratorQuota{}}
	devices := map[string]*acceleratorQuota{}
	for _, name := range slices.Sorted(maps.Keys(object.Spec.Hard)) {
		hard, used := object.Spec.Hard[name], ""
		count, counted := object.Status.Used[name]
		if counted {
			used = count.String()
		}
		response.Resources = append(response.Resources, resourceQuota{Resource: string(name), Hard: hard.String(), Used: used})
		accelerator, ok := types[strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)]
		if !ok {
			continue
		}
		if devices[accelerator] == nil {
			devices[accelerator] = &acceleratorQuota{Type: accelerator, Hard: hard.Value()}
		}
		devices[accelerator].Used += count.Value()
	}
	for _, accelerator := range slices.Sorted(maps.Keys(devices)) {
		response.Accelerators = append(response.Accelerators, *devices[accelerator])
	}
	return response
}

// typesByResource returns the type of accelerator of each extended resource. If several types share a
// resource, it is the type that is not a variant.
func typesByResource(accelerators []render.Accelerator) map[string]string {
	types := map[string]string{}
	for _, accelerator := range accelerators {
		if accelerator.VariantOf == "" {
			types[accelerator.Resource] = accelerator.Name
		}
		for _, alias := range accelerator.Aliases {
			if types[alias] == "" {
				types[alias] = accelerator.Name
			}
		}
	}
	return types
}
