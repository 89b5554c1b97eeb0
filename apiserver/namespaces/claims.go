package namespaces

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
)

// ClaimList is the PersistentVolumeClaims of a namespace.
type ClaimList struct {
	Claims []Claim `json:"claims" doc:"by name"`
}

// Claim is a PersistentVolumeClaim that can be a model cache.
type Claim struct {
	Name         string   `json:"name" doc:"name of the claim"`
	Phase        string   `json:"phase" enum:"Pending,Bound,Lost" doc:"phase of the claim"`
	StorageClass string   `json:"storageClass,omitempty" doc:"name of the storage class"`
	AccessModes  []string `json:"accessModes" doc:"ReadWriteOnce, ReadWriteMany and so on"`
	Requested    string   `json:"requested" doc:"size that was requested: 100Gi"`
	Capacity     string   `json:"capacity,omitempty" doc:"size of the volume; absent until it is bound"`
	Deleting     bool     `json:"deleting,omitempty" doc:"the claim is being deleted"`
}

const claimsResource = "persistentvolumeclaims"

func claimsRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "listPersistentVolumeClaims", Method: http.MethodGet, Path: rest.Prefix + "/namespaces/{namespace}/" + claimsResource,
			Summary: "List the PersistentVolumeClaims of a namespace, for model caches", Returns: rest.JSON(ClaimList{}), Status: http.StatusOK,
		},
		Needs: []rest.Need{{Verb: "list", Resource: claimsResource}}, Handler: listClaims,
	}
}

func listClaims(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	claims := &corev1.PersistentVolumeClaimList{}
	if err := user.List(r.Context(), claims, client.InNamespace(mux.Vars(r)["namespace"])); err != nil {
		return err
	}
	response := ClaimList{Claims: make([]Claim, len(claims.Items))}
	for i := range claims.Items {
		response.Claims[i] = newClaim(&claims.Items[i])
	}
	slices.SortFunc(response.Claims, func(a, b Claim) int { return cmp.Compare(a.Name, b.Name) })
	return rest.WriteJSON(w, http.StatusOK, response)
}

func newClaim(object *corev1.PersistentVolumeClaim) Claim {
	claim := Claim{
		Name: object.Name, Phase: string(object.Status.Phase), Requested: object.Spec.Resources.Requests.Storage().String(),
		AccessModes: make([]string, len(object.Spec.AccessModes)), Deleting: object.DeletionTimestamp != nil,
	}
	for i, mode := range object.Spec.AccessModes {
		claim.AccessModes[i] = string(mode)
	}
	if object.Spec.StorageClassName != nil {
		claim.StorageClass = *object.Spec.StorageClassName
	}
	if capacity, ok := object.Status.Capacity[corev1.ResourceStorage]; ok {
		claim.Capacity = capacity.String()
	}
	return claim
}
