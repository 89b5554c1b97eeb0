package api

import (
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
)

func (k kind) deleteRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodDelete, Path: k.one, Summary: "Delete " + k.aName + ", and all that it made",
			Query:   []openapi.Parameter{dryRunParameter()},
			Headers: []openapi.Parameter{{Name: "If-Match", Doc: "the ETag that was read; absent: any"}},
			Status:  http.StatusAccepted,
		},
		change: "delete", needs: needs(k.resource, "delete"), serve: k.remove,
	}
}

// remove answers when the deletion has begun: what the object made goes after it.
func (k kind) remove(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	version, _, err := ifMatch(r)
	if err != nil {
		return err
	}
	var options []client.DeleteOption
	if dry {
		options = append(options, client.DryRunAll)
	}
	if version != "" {
		options = append(options, client.Preconditions{ResourceVersion: &version})
	}
	if err := user.Delete(r.Context(), k.named(r), options...); err != nil {
		return k.unmet(r, err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
