package render

import (
	"slices"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Backend is an NpuDeploy that a route sends requests to.
type Backend struct {
	Name  string          `json:"name"`
	State v1.BackendState `json:"state"`
	// Port is the port of its Service in the spec, or 0 for the default.
	Port int32 `json:"port,omitempty"`
	// Share is the percentage of the requests that the steps of the spec have reached. Nil means the first, or
	// that it is no backend of steps.
	Share *int32 `json:"share,omitempty"`
}

// TrafficSteps are the steps of a spec with policy's values.
type TrafficSteps struct {
	Backend string  `json:"backend"`
	Shares  []int32 `json:"shares"`  // in percent, ascending
	Seconds int32   `json:"seconds"` // of each
	// MinRequests are those within five minutes that a measurement requires.
	MinRequests int32 `json:"minRequests"`
	// MaxErrorPoints is by how many percentage points the errors may exceed those of the others, and
	// MaxSlowdownPercent by how many percent the time to the first token may.
	MaxErrorPoints     int32 `json:"maxErrorPoints"`
	MaxSlowdownPercent int32 `json:"maxSlowdownPercent"`
}

// BackendNames returns the names of the backends of a spec, sorted. It is nil if the spec does not
// divide requests; otherwise it includes the NpuDeploy's own name.
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
	if steps := deploy.Spec.Endpoint.Traffic.Steps; steps != nil {
		names = append(names, steps.Backend)
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
		backend.Share = RecordedShare(deploy, share.Name)
		backends = append(backends, backend)
	}
	return backends
}

// RecordedShare returns the share of a backend that the status has for the steps of the spec. It is nil
// before the first record, and for other backends.
func RecordedShare(deploy *v1.NpuDeploy, backend string) *int32 {
	progress := deploy.StepsProgress()
	if progress == nil || progress.Backend != backend {
		return nil
	}
	return &progress.Share
}
