package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Traffic divides the requests to a host among NpuDeploys of one namespace.
//
// +kubebuilder:validation:XValidation:rule="has(self.backends) || has(self.matches) || has(self.steps)",message="one of backends, matches and steps is required"
type Traffic struct {
	// backends are the NpuDeploys that requests go to, in proportion to their weights. The NpuDeploy
	// itself can be one of them. If it is not listed, its weight is what the others leave of 100. Absent
	// means that it gets all requests.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=15
	Backends []TrafficBackend `json:"backends,omitempty"`

	// matches send requests with certain headers to one backend, whatever the weights. The first match
	// counts. Absent means none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=15
	Matches []TrafficMatch `json:"matches,omitempty"`

	// steps move the requests to another backend step by step, while its errors and its time to the first
	// token stay within policy's bounds of the other backends. Absent means that weights apply at once.
	//
	// +optional
	Steps *TrafficSteps `json:"steps,omitempty"`

	// unready is what happens to the share of a backend without a ready pod: Redistribute gives it to
	// the other backends, in proportion to their weights; Keep keeps the weights. Absent means
	// Redistribute.
	//
	// +optional
	Unready UnreadyBackends `json:"unready,omitempty"`
}

// TrafficSteps are shares that a backend gets one after the other.
type TrafficSteps struct {
	// backend is the name of the NpuDeploy whose share grows, of the same namespace. backends must not
	// list it. The others get the remaining requests in proportion to their weights.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=52
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Backend string `json:"backend"`

	// shares are the percentages of the requests that the backend gets, in ascending order. The last one
	// remains. Absent or empty means policy's.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=100
	Shares []int32 `json:"shares,omitempty"`

	// seconds is how long the measurements must stay within bounds before the next share. Absent means
	// policy's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=604800
	Seconds *int32 `json:"seconds,omitempty"`

	// retries is any number. Another one starts again at the first share. Absent means 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Retries int32 `json:"retries,omitempty"`
}

// UnreadyBackends is what happens to the share of a backend without a ready pod.
//
// +kubebuilder:validation:Enum=Redistribute;Keep
type UnreadyBackends string

// The choices for unready backends.
const (
	UnreadyRedistribute UnreadyBackends = "Redistribute"
	UnreadyKeep         UnreadyBackends = "Keep"
)

// TrafficBackend is an NpuDeploy that gets requests.
type TrafficBackend struct {
	// name is the name of an NpuDeploy of the same namespace. It requires no endpoint of its own.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=52
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// weight is the backend's share of the sum of all weights. 0 means none.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	Weight int32 `json:"weight"`
}

// TrafficMatch sends the requests with all of its headers to a backend.
//
// +kubebuilder:validation:XValidation:rule="self.headers.size() > 0",message="headers: one is required"
type TrafficMatch struct {
	// headers maps names of headers, in lower case, to values. A request must match all of them.
	//
	// +required
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.size() <= 256 && name.matches('^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'))",message="the name of a header is lower-case letters and digits, with - and _ inside"
	Headers map[string]HeaderMatch `json:"headers"`

	// backend is the name of an NpuDeploy of the same namespace, which may be the NpuDeploy itself.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=52
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Backend string `json:"backend"`
}

// HeaderMatch compares the value of a header.
//
// +kubebuilder:validation:XValidation:rule="has(self.exact) != has(self.prefix)",message="one of exact and prefix is required, and not both"
type HeaderMatch struct {
	// exact is the whole value. Absent means that prefix is compared.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Exact string `json:"exact,omitempty"`

	// prefix is the beginning of the value. Absent means that exact is compared.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Prefix string `json:"prefix,omitempty"`
}

// BackendState is the state of an NpuDeploy that gets requests.
//
// +kubebuilder:validation:Enum=Ready;NotReady;ScaledToZero;Missing
type BackendState string

// The states of a backend. Ready means that at least one pod is.
const (
	BackendReady        BackendState = "Ready"
	BackendNotReady     BackendState = "NotReady"
	BackendScaledToZero BackendState = "ScaledToZero"
	BackendMissing      BackendState = "Missing"
)

// TrafficStatus is the share of a backend.
type TrafficStatus struct {
	// name is the NpuDeploy's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// weight is the weight in the route. 0 means that the backend gets no share of the requests,
	// beside those of its matches.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Weight int32 `json:"weight"`

	// state is the backend's state when the weight was decided.
	//
	// +required
	State BackendState `json:"state"`

	// port is the port of the backend's Service. Absent means the default, 80.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// TrafficStepsStatus is the progress of spec.endpoint.traffic.steps.
type TrafficStepsStatus struct {
	// backend and retries are those of the spec that the progress belongs to.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Backend string `json:"backend"`
	// +optional
	Retries int32 `json:"retries,omitempty"`

	// share is the percentage of the requests that the backend gets while it is ready. 0 means that its
	// measurements were out of bounds, and that the others get all requests.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Share int32 `json:"share"`

	// reason is why share is 0. Absent otherwise.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// measuredSeconds is the time with this share for which measurements were within bounds. Time without
	// a measurement does not count.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	MeasuredSeconds int32 `json:"measuredSeconds,omitempty"`

	// measuredAt is the time of the last measurement that was evaluated. Absent means none yet.
	//
	// +optional
	MeasuredAt *metav1.Time `json:"measuredAt,omitempty"`
}

// StepsProgress returns the progress of the spec's steps, or nil if the status has that of others, or none.
func (d *NpuDeploy) StepsProgress() *TrafficStepsStatus {
	recorded := d.Status.TrafficSteps
	if recorded == nil || d.Spec.Endpoint == nil || d.Spec.Endpoint.Traffic == nil {
		return nil
	}
	steps := d.Spec.Endpoint.Traffic.Steps
	if steps == nil || steps.Backend != recorded.Backend || steps.Retries != recorded.Retries {
		return nil
	}
	return recorded
}
