package npudeploys

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The managers of the fields that scale and restart write. Each owns its field alone, so that
// an apply without the field does not remove it.
const (
	scaleManager   = client.FieldOwner("nufi-apiserver-scale")
	restartManager = client.FieldOwner("nufi-apiserver-restart")
)

// scale is the desired and the observed number of replicas.
type scale struct {
	Replicas *int32 `json:"replicas,omitempty" doc:"desired replicas; absent: one at first, and then what an autoscaler sets"`
	Current  int32  `json:"current" doc:"observed replicas"`
	Selector string `json:"selector,omitempty" doc:"label selector of their pods"`
}

// desiredScale is the body of a request.
type desiredScale struct {
	Replicas *int32 `json:"replicas" doc:"desired replicas; 0 serves nothing and allocates no device"`
}

func scaleRoutes() []rest.Route {
	path := ObjectPath + "/scale"
	return []rest.Route{
		newRoute("readScale", path, "Read how many replicas an NpuDeploy has", rest.JSON(scale{}), "get", getScale),
		{
			Operation: openapi.Operation{
				ID: "scaleNpuDeploy", Method: http.MethodPut, Path: path, Summary: "Set how many replicas an NpuDeploy has",
				Query:   []openapi.Parameter{rest.DryRunParameter()},
				Accepts: []openapi.Content{rest.JSON(desiredScale{})}, Returns: rest.JSON(scale{}), Status: http.StatusOK,
			},
			Change: "scale", Needs: append(rest.Needs(Resource, "get", "patch"), rest.Needs(Resource+"/scale", "patch")...), Handler: putScale,
		},
	}
}

// getScale reads the NpuDeploy, because its scale subresource fails if the spec has no replicas.
func getScale(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := typedObject(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, scaleOf(deploy))
}

func scaleOf(deploy *v1.NpuDeploy) scale {
	s := scale{Current: deploy.Status.Replicas, Selector: deploy.Status.Selector}
	if deploy.Spec.InferenceServer != nil {
		s.Replicas = deploy.Spec.InferenceServer.Replicas
	}
	return s
}

func putScale(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	var desired desiredScale
	if err := rest.ReadJSON(r, &desired); err != nil {
		return err
	}
	switch {
	case desired.Replicas == nil:
		return problem.Invalid("replicas", "is missing")
	case *desired.Replicas < 0:
		return problem.Invalid("replicas", "must not be negative")
	}
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	deploy := typedObject(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return err
	}
	response := scaleOf(deploy)
	if response.Replicas == nil {
		err = addReplicas(r, user, desired, dryRun)
	} else {
		err = patchScale(r, user, desired, dryRun)
	}
	if err != nil {
		return err
	}
	response.Replicas = desired.Replicas
	return rest.WriteJSON(w, http.StatusOK, response)
}

// addReplicas sets replicas in a spec without them, which the scale subresource cannot do.
func addReplicas(r *http.Request, user *kube.UserClient, desired desiredScale, dryRun bool) error {
	change := map[string]any{"spec": map[string]any{"inferenceServer": desired}}
	return resources.Merge(r.Context(), user, Kind().Object(r), change, scaleManager, dryRun)
}

func patchScale(r *http.Request, user *kube.UserClient, desired desiredScale, dryRun bool) error {
	change, err := json.Marshal(map[string]any{"spec": desired})
	if err != nil {
		return err
	}
	options := []client.SubResourcePatchOption{scaleManager, client.WithSubResourceBody(&autoscalingv1.Scale{})}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return user.SubResource("scale").Patch(r.Context(), typedObject(r), client.RawPatch(types.MergePatchType, change), options...)
}

// typedObject returns the NpuDeploy that the path names, without content.
func typedObject(r *http.Request) *v1.NpuDeploy {
	return &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"]}}
}

// A restart changes an annotation of the pods in the NpuDeploy's own spec, and not kubectl's
// on the Deployment: it needs no permission on Deployments, is rendered like everything else,
// and does not contend with `kubectl rollout restart`.
const (
	restartedAt = "dudaji.com/restarted-at"
	// formerRestartedAt is the annotation of earlier versions. A restart replaces it.
	formerRestartedAt = "nufi.dudaji.com/restarted-at"
)

func (h *Handlers) restartRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "restartNpuDeploy", Method: http.MethodPost, Path: ObjectPath + "/restart", Summary: "Replace every pod of an NpuDeploy by its rollout strategy",
			Query:   []openapi.Parameter{rest.DryRunParameter()},
			HasETag: true, Returns: rest.JSON(Schema), Status: http.StatusOK,
		},
		Change: "restart", Needs: rest.Needs(Resource, "patch"), Handler: h.restart,
	}
}

func (h *Handlers) restart(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	change := map[string]any{"spec": map[string]any{"podMetadata": map[string]any{"annotations": map[string]any{
		restartedAt: h.Clock().UTC().Format(time.RFC3339Nano), formerRestartedAt: nil,
	}}}}
	deploy := Kind().Object(r)
	if err := resources.Merge(r.Context(), user, deploy, change, restartManager, dryRun); err != nil {
		return err
	}
	return rest.WriteObject(w, r, http.StatusOK, deploy)
}
