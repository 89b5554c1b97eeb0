package render

import (
	"slices"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Backend is what a route depends on of an NpuDeploy that it sends requests to.
type Backend struct {
	Name  string          `json:"name"`
	State v1.BackendState `json:"state"`
	// Port is that of its spec, or 0 for the default.
	Port int32 `json:"port,omitempty"`
}

// BackendNames returns the names of the backends of a spec, sorted. They are none if it does not
// divide requests; otherwise they include its own name.
func BackendNames(deploy *v1.NpuDeploy) []string {
	if deploy.Spec.Endpoint == nil || deploy.Spec.Endpoint.Traffic == nil {
		return nil
	}
	names := []string{deploy.Name}
	for _, backend := range deploy.Spec.Endpoint.Traffic.Backends {
		names = append(names, backend.Name)
	}
	for _, match := range deploy.Spec.Endpoint.Traffic.Matches {
		names = append(names, match.Backend)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ReportedBackends returns the backends as the controller reported them last.
func ReportedBackends(deploy *v1.NpuDeploy) []Backend {
	backends := make([]Backend, 0, len(deploy.Status.Traffic))
	for _, share := range deploy.Status.Traffic {
		backend := Backend{Name: share.Name, State: share.State}
		if share.Port != nil {
			backend.Port = *share.Port
		}
		backends = append(backends, backend)
	}
	return backends
}
