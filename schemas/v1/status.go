package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NpuDeployStatus is what the controller observed of the spec at
// observedGeneration. Effective values stand here, so that the spec stays the
// user's own text.
type NpuDeployStatus struct {
	// observedGeneration is the metadata.generation that this status describes. 0
	// means none yet.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready and the four that it sums up: see the constants.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// url is where clients reach the server: outside the cluster if there is an
	// endpoint, inside otherwise. Absent until it was rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url,omitempty"`

	// image is the server's image in use. Absent until it was rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// accelerator is the one in use. Absent when the server has none.
	//
	// +optional
	Accelerator *AcceleratorStatus `json:"accelerator,omitempty"`

	// parallelism is the split in use. Absent when the server has no accelerator.
	//
	// +optional
	Parallelism *ParallelismStatus `json:"parallelism,omitempty"`

	// replicas is the number of pods of the current generation.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas"`

	// readyReplicas is the number of those that are ready.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas int32 `json:"readyReplicas"`

	// replicaSummary is the ready and the desired number of pods: 1/2. Absent until the
	// Deployment was observed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ReplicaSummary string `json:"replicaSummary,omitempty"`

	// selector finds the pods, in the text form that the scale subresource wants.
	// Absent until it was rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`

	// templates is the digest of the CUE templates that rendered the manifests.
	// Absent until they were rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates,omitempty"`

	// inventory lists every object that was applied for this NpuDeploy, written
	// before the first of them, so that none is ever forgotten. Absent means none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Inventory []InventoryEntry `json:"inventory,omitempty"`
}

// AcceleratorStatus is the accelerator in use.
type AcceleratorStatus struct {
	// type is the accelerator's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Type string `json:"type"`

	// resourceName is the extended resource that each replica asks for.
	//
	// +required
	// +kubebuilder:validation:MaxLength=317
	ResourceName string `json:"resourceName"`

	// count is the number of devices of each replica.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count"`
}

// ParallelismStatus is the split in use: tensor times data is the device count.
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
}

// InventoryEntry is one applied object: in the NpuDeploy's own namespace, or in the
// project's, or that namespace.
type InventoryEntry struct {
	// group is the object's API group. Empty means core.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`

	// version is the API version that it was applied with.
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

	// uid is the object's, known once it was applied. Absent means that the apply
	// was intended and not seen to succeed; nothing is pruned without it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	UID string `json:"uid,omitempty"`

	// digest is over what was applied and the entry that the API server made of it in
	// the managed fields. Equal after a restart, it means that there is nothing to do.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`
}
