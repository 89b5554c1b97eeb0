package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/internal/render"
)

// quota is what bounds a project, and how much of that is in use.
type quota struct {
	Resources    []bound       `json:"resources" doc:"by name, accelerators' too"`
	Accelerators []deviceBound `json:"accelerators" doc:"by type"`
}

type bound struct {
	Resource string `json:"resource" doc:"as a ResourceQuota names it: requests.cpu"`
	Hard     string `json:"hard" doc:"the most that there may be, as a Kubernetes quantity"`
	Used     string `json:"used,omitempty" doc:"what there is; absent until Kubernetes has counted"`
}

type deviceBound struct {
	Type string `json:"type" doc:"an accelerator of the platform's"`
	Hard int64  `json:"hard" doc:"the most devices that there may be"`
	Used int64  `json:"used" doc:"the devices that pods ask for"`
}

func (a *API) quotaRoute() route {
	k := projects()
	return route{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: k.one + "/quota", Summary: "Say what bounds a Project, and how much of it is in use",
			Answers: jsonOf(quota{}), Status: http.StatusOK,
		},
		needs: append(needs(k.resource, "get"), need{verb: "list", resource: "resourcequotas", inside: true}), serve: a.quota,
	}
}

// quota reads what Kubernetes counts: the Project's spec is what is to be, and may not be
// in place. Quotas that administrators add beside the project's own are theirs to tell of.
func (a *API) quota(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := a.project(w, r, user)
	if err != nil {
		return err
	}
	found := &corev1.ResourceQuotaList{}
	if err := user.List(r.Context(), found, client.InNamespace(project.Name)); err != nil {
		return attempted("list", err)
	}
	own := &corev1.ResourceQuota{} // None bounds nothing.
	for i := range found.Items {
		if metav1.IsControlledBy(&found.Items[i], project) {
			own = &found.Items[i]
		}
	}
	return writeJSON(w, http.StatusOK, quotaOf(own, a.options.Templates().Catalogue.Accelerators))
}

// quotaOf sums up an accelerator's resources: a pod asks for devices by one of them.
func quotaOf(counted *corev1.ResourceQuota, accelerators []render.Accelerator) quota {
	types := typesOf(accelerators)
	answer := quota{Resources: []bound{}, Accelerators: []deviceBound{}}
	devices := map[string]*deviceBound{}
	for _, name := range slices.Sorted(maps.Keys(counted.Spec.Hard)) {
		hard, used := counted.Spec.Hard[name], ""
		count, known := counted.Status.Used[name]
		if known {
			used = count.String()
		}
		answer.Resources = append(answer.Resources, bound{Resource: string(name), Hard: hard.String(), Used: used})
		kind, known := types[strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)]
		if !known {
			continue
		}
		if devices[kind] == nil {
			devices[kind] = &deviceBound{Type: kind, Hard: hard.Value()}
		}
		devices[kind].Used += count.Value()
	}
	for _, kind := range slices.Sorted(maps.Keys(devices)) {
		answer.Accelerators = append(answer.Accelerators, *devices[kind])
	}
	return answer
}

// typesOf names the accelerator of each extended resource that pods ask for devices by.
func typesOf(accelerators []render.Accelerator) map[string]string {
	types := map[string]string{}
	for _, accelerator := range accelerators {
		types[accelerator.Resource] = accelerator.Name
		for _, alias := range accelerator.Aliases {
			types[alias] = accelerator.Name
		}
	}
	return types
}
