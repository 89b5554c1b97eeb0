package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NpuDeployStatus is what the controller observed, and the resolved values for the fields that the
// spec leaves out.
type NpuDeployStatus struct {
	// observedGeneration is the metadata.generation that this status describes. 0
	// means none yet.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready, the conditions that it summarizes, and others: docs/troubleshooting.md lists them.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// url is the server's URL: outside the cluster if there is an endpoint, inside otherwise.
	// Absent until rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url,omitempty"`

	// image is the image in use. Absent until rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// accelerator is the accelerator in use. Absent if there is none.
	//
	// +optional
	Accelerator *AcceleratorStatus `json:"accelerator,omitempty"`

	// parallelism is the split in use. Absent if there is no accelerator.
	//
	// +optional
	Parallelism *ParallelismStatus `json:"parallelism,omitempty"`

	// traffic is how the route divides requests. Absent without spec.endpoint.traffic.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Traffic []TrafficStatus `json:"traffic,omitempty"`

	// trafficSteps is the progress of spec.endpoint.traffic.steps. Absent without steps.
	//
	// +optional
	TrafficSteps *TrafficStepsStatus `json:"trafficSteps,omitempty"`

	// replicas is the number of pods of the current generation, or of groups of pods with
	// accelerator.nodes. With prefill, it is that of the pods that answer requests.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas"`

	// readyReplicas is the number of ready pods of the current generation, or of groups of which all
	// pods are ready.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas int32 `json:"readyReplicas"`

	// replicaSummary is the number of ready and of desired replicas: 1/2. Absent until the Deployment
	// or LeaderWorkerSet is observed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ReplicaSummary string `json:"replicaSummary,omitempty"`

	// selector selects the pods, in the text form of the scale subresource. Absent until rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`

	// templates is the digest of the CUE templates of the manifests. Absent until rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates,omitempty"`

	// update is the update of the templates that waits for a request, or for its wave. Absent if there
	// is none.
	//
	// +optional
	Update *TemplateUpdate `json:"update,omitempty"`

	// rollout is the last assignment of templates by a TemplateRollout. Absent means none.
	//
	// +optional
	Rollout *RolloutAssignment `json:"rollout,omitempty"`

	// inventory is the digests of objects that an earlier version of the controller applied. Later ones
	// annotate the objects, and remove an entry once its object has the annotation.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Inventory []InventoryEntry `json:"inventory,omitempty"`
}

// TemplateUpdate is what other templates would change.
type TemplateUpdate struct {
	// templates is the digest of the templates.
	//
	// +required
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates"`

	// effect is InPlace, Restart (pods are replaced), Delete (an object is deleted) or Refused (the
	// spec would not render).
	//
	// +required
	// +kubebuilder:validation:Enum=InPlace;Restart;Delete;Refused
	Effect string `json:"effect"`
}

// AcceleratorStatus is the accelerator in use.
type AcceleratorStatus struct {
	// type is the accelerator's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Type string `json:"type"`

	// resourceName is the extended resource of the devices.
	//
	// +required
	// +kubebuilder:validation:MaxLength=317
	ResourceName string `json:"resourceName"`

	// count is the number of devices of each replica or, if nodes is set, on each of its nodes.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count"`

	// nodes is the number of pods of each replica. Absent means one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=2
	Nodes int32 `json:"nodes,omitempty"`
}

// ParallelismStatus is the split in use: tensor times data times pipeline is the number of a replica's
// devices.
type ParallelismStatus struct {
	// tensor is the number of devices that share each layer.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Tensor int32 `json:"tensor"`

	// data is the number of copies of the model in one replica.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Data int32 `json:"data"`

	// pipeline is the number of stages that the model's layers are divided into. Absent means one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=2
	Pipeline int32 `json:"pipeline,omitempty"`
}

// InventoryEntry is an object that an earlier version of the controller applied.
type InventoryEntry struct {
	// group is the object's API group. Empty means core.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`

	// version is the API version of the apply.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version"`

	// kind is the object's kind.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// name is the object's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid is the object's UID.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	UID string `json:"uid,omitempty"`

	// digest is a digest of the applied object and of its entry in managedFields. An unchanged
	// digest means that no apply is needed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`
}
