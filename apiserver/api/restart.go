package api

import (
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
)

// restartedAt is the annotation of the pods that a restart changes. It is in the
// NpuDeploy's own spec, and another than kubectl's, which is set on the Deployment: a
// restart takes no right on Deployments, is rendered like everything else, and does not
// contend with `kubectl rollout restart`.
const restartedAt = "nufi.dudaji.com/restarted-at"

// restarter owns that annotation alone, so that an apply without it does not undo it.
const restarter = client.FieldOwner("nufi-apiserver-restart")

func (a *API) restartRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPost, Path: pathOne + "/restart", Summary: "Replace every pod of an NpuDeploy, as its rollout strategy has it",
			Query:   []openapi.Parameter{dryRunParameter()},
			Answers: jsonOf(refNpuDeploy), Status: http.StatusOK,
		},
		change: "restart", needs: needs(resource, "patch"), serve: a.restart,
	}
}

func (a *API) restart(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	change := map[string]any{"spec": map[string]any{"podMetadata": map[string]any{"annotations": map[string]any{
		restartedAt: a.options.Clock().UTC().Format(time.RFC3339Nano),
	}}}}
	deploy := named(r)
	if err := merge(r.Context(), user, deploy, change, restarter, dry); err != nil {
		return err
	}
	return writeObject(w, http.StatusOK, deploy)
}
