package v1

// Scaling lets an autoscaler set the number of replicas.
type Scaling struct {
	// min is the smallest number of replicas. Absent means one. 0 requires an endpoint at which requests
	// wait for the first pod, according to policy.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Min *int32 `json:"min,omitempty"`

	// max is the largest number of replicas.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Max int32 `json:"max"`

	// metric is what is measured: WaitingRequests, RunningRequests or KVCacheUsage, summed over the
	// replicas.
	//
	// +required
	Metric ScalingMetric `json:"metric"`

	// target is the value of the metric that one replica should have: a number of requests, or for
	// KVCacheUsage a percentage of its KV cache.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Target int32 `json:"target"`
}

// ScalingMetric is a metric of an inference server.
//
// +kubebuilder:validation:Enum=WaitingRequests;RunningRequests;KVCacheUsage
type ScalingMetric string

// The metrics.
const (
	ScalingWaitingRequests ScalingMetric = "WaitingRequests"
	ScalingRunningRequests ScalingMetric = "RunningRequests"
	ScalingKVCacheUsage    ScalingMetric = "KVCacheUsage"
)
