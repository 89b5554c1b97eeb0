package api

import (
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// scale is how many servers there are to be, and are.
type scale struct {
	Replicas *int32 `json:"replicas,omitempty" doc:"how many servers there are to be; absent: one at first, and then what an autoscaler makes of it"`
	Current  int32  `json:"current" doc:"how many there are"`
	Selector string `json:"selector,omitempty" doc:"finds their pods"`
}

// wantedScale is what a client sends.
type wantedScale struct {
	Replicas *int32 `json:"replicas" doc:"how many servers there are to be; 0 serves nothing and holds no device"`
}

const scaleResource = resource + "/scale"

// scaler owns the number alone, so that an apply without it leaves it.
const scaler = client.FieldOwner("nufi-apiserver-scale")

func scaleRoutes() []route {
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathOne + "/scale", Summary: "Read how many servers an NpuDeploy has",
				Answers: jsonOf(scale{}), Status: http.StatusOK,
			},
			needs: needs(resource, "get"), serve: getScale,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodPut, Path: pathOne + "/scale", Summary: "Say how many servers an NpuDeploy is to have",
				Query:   []openapi.Parameter{dryRunParameter()},
				Accepts: jsonOf(wantedScale{}), Answers: jsonOf(scale{}), Status: http.StatusOK,
			},
			change: "scale", needs: append(needs(resource, "get", "patch"), needs(scaleResource, "patch")...), serve: putScale,
		},
	}
}

// getScale reads the NpuDeploy: its scale subresource is an error where the spec leaves
// the number open.
func getScale(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := typed(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scaleOf(deploy))
}

func scaleOf(deploy *v1.NpuDeploy) scale {
	found := scale{Current: deploy.Status.Replicas, Selector: deploy.Status.Selector}
	if deploy.Spec.InferenceServer != nil {
		found.Replicas = deploy.Spec.InferenceServer.Replicas
	}
	return found
}

func putScale(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	wanted, err := readScale(r)
	if err != nil {
		return err
	}
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	deploy := typed(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return err
	}
	answer := scaleOf(deploy)
	if answer.Replicas == nil {
		err = scaleFirst(r, user, wanted, dry)
	} else {
		err = scaleAgain(r, user, wanted, dry)
	}
	if err != nil {
		return err
	}
	answer.Replicas = wanted.Replicas
	return writeJSON(w, http.StatusOK, answer)
}

// scaleFirst sets a number where there is none, which the scale subresource cannot.
func scaleFirst(r *http.Request, user *kube.UserClient, wanted wantedScale, dry bool) error {
	change := map[string]any{"spec": map[string]any{"inferenceServer": wanted}}
	return merge(r.Context(), user, named(r), change, scaler, dry)
}

func scaleAgain(r *http.Request, user *kube.UserClient, wanted wantedScale, dry bool) error {
	change, err := json.Marshal(map[string]any{"spec": wanted})
	if err != nil {
		return err
	}
	options := []client.SubResourcePatchOption{scaler, client.WithSubResourceBody(&autoscalingv1.Scale{})}
	if dry {
		options = append(options, client.DryRunAll)
	}
	return user.SubResource("scale").Patch(r.Context(), typed(r), client.RawPatch(types.MergePatchType, change), options...)
}

func readScale(r *http.Request) (wantedScale, error) {
	if _, err := mediaOf(r, mediaJSON); err != nil {
		return wantedScale{}, err
	}
	var wanted wantedScale
	if err := readJSON(r, &wanted); err != nil {
		return wantedScale{}, err
	}
	if wanted.Replicas == nil {
		return wantedScale{}, problem.Invalid("replicas", "is missing")
	}
	return wanted, nil
}

// typed is the NpuDeploy of the path for clients of subresources.
func typed(r *http.Request) *v1.NpuDeploy {
	return &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"]}}
}
