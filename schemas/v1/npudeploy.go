package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NpuDeploy serves one model on accelerators (NPUs or GPUs). The controller unifies it with the
// facts about the accelerator and the platform's policy, and applies the resulting Deployment,
// Service, route and other objects.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=npudeploys,singular=npudeploy,shortName=npud,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.inferenceServer.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Accelerator",type=string,JSONPath=`.status.accelerator.type`
// +kubebuilder:printcolumn:name="Devices",type=integer,JSONPath=`.status.accelerator.count`
// +kubebuilder:printcolumn:name="Replicas",type=string,JSONPath=`.status.replicaSummary`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.status.image`,priority=1
// +kubebuilder:printcolumn:name="Template",type=string,JSONPath=`.status.templates`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name: must be a DNS label of at most 52 characters that starts with a letter: it becomes the name of a Service and the prefix of pod names"
type NpuDeploy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state. The accelerator's facts and the platform's policy supply what is
	// absent.
	//
	// +required
	Spec NpuDeploySpec `json:"spec"`

	// status is what the controller observed. Absent until the first reconcile.
	//
	// +optional
	Status NpuDeployStatus `json:"status,omitzero"`
}

// NpuDeployList is a list of NpuDeploys.
//
// +kubebuilder:object:root=true
type NpuDeployList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NpuDeploy `json:"items"`
}

// NpuDeploySpec is the desired state. No field has a default here: see the package
// comment.
//
// +kubebuilder:validation:XValidation:rule="has(self.model) || has(self.inferenceServer)",message="one of model or inferenceServer is required: there is nothing to serve"
// +kubebuilder:validation:XValidation:rule="!has(self.scaling) || !has(self.inferenceServer) || !has(self.inferenceServer.replicas)",message=`inferenceServer.replicas: the autoscaler of scaling sets the number: change scaling.min and scaling.max instead. If the manifest has no replicas, another client set it, such as kubectl scale: remove it with kubectl patch npudeploy NAME --type=merge -p '{"spec":{"inferenceServer":{"replicas":null}}}'`
type NpuDeploySpec struct {
	// model is what the server loads: a Hugging Face id (org/name, for GGUF org/name:quantization), an
	// absolute path inside the container, or a URI: hf://org/name, pvc://claim/path, oci://image, and
	// s3://bucket/path or gs://bucket/path where the server streams models. Absent means that
	// inferenceServer.args or the image specify the model.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^(oci://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?((\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+(:[0-9]+)?|:[0-9]+)/)?[a-z0-9]+(([._]|__|-+|/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?|pvc://[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(/[A-Za-z0-9][A-Za-z0-9._-]*)*|((hf|s3|gs)://|/)?[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(:[A-Za-z0-9][A-Za-z0-9._-]*)?|(/[A-Za-z0-9][A-Za-z0-9._-]*)+/)$`
	Model string `json:"model,omitempty"`

	// modelSize is the memory that the model's weights take, such as 15Gi. A model that does not
	// fit its devices is rejected. Absent means an estimate, if the model's name contains the
	// number of parameters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)(Mi|Gi|Ti|M|G|T)$`
	ModelSize string `json:"modelSize,omitempty"`

	// accelerator is the kind and number of devices of each replica. Absent means the devices in
	// inferenceServer.resources.limits (nvidia.com/gpu: 2), or none.
	//
	// +optional
	Accelerator *Accelerator `json:"accelerator,omitempty"`

	// parallelism is how one replica splits the model over its devices. Absent
	// means tensor parallelism over all of them.
	//
	// +optional
	Parallelism *Parallelism `json:"parallelism,omitempty"`

	// inferenceServer is the server's container and its pod. Absent means policy's server for the
	// accelerator.
	//
	// +optional
	InferenceServer *InferenceServer `json:"inferenceServer,omitempty"`

	// prefill adds servers that process the prompts of requests, so that those of inferenceServer generate the
	// answers alone. It requires an endpoint of kind InferencePool. Absent means that each server does both.
	//
	// +optional
	Prefill *Prefill `json:"prefill,omitempty"`

	// scaling lets an autoscaler set the number of replicas by load. Absent means that
	// inferenceServer.replicas sets it.
	//
	// +optional
	Scaling *Scaling `json:"scaling,omitempty"`

	// endpoint is how clients outside the cluster reach the server. Absent means that they cannot:
	// there is a Service but no route.
	//
	// +optional
	Endpoint *Endpoint `json:"endpoint,omitempty"`

	// service is the Service of the server. Absent means a ClusterIP at port 80.
	//
	// +optional
	Service *Service `json:"service,omitempty"`

	// modelCache is where weights and compiled models are kept between restarts. Absent means
	// policy's location.
	//
	// +optional
	ModelCache *ModelCache `json:"modelCache,omitempty"`

	// podMetadata is added to the pods' metadata. Absent adds nothing.
	//
	// +optional
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`

	// updates is when new templates of the platform take effect: Automatic, or Manual, which keeps
	// the current ones until an update is requested. Absent means policy's choice.
	//
	// +optional
	Updates UpdateMode `json:"updates,omitempty"`
}

// UpdateMode is when other templates take effect.
//
// +kubebuilder:validation:Enum=Automatic;Manual
type UpdateMode string

// The update modes.
const (
	UpdateAutomatic UpdateMode = "Automatic"
	UpdateManual    UpdateMode = "Manual"
)

// Accelerator selects devices.
type Accelerator struct {
	// type is the name of an accelerator that the platform describes in
	// schemas/accelerators, such as atom, nvidia or rngd.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Type string `json:"type"`

	// count is the number of devices of one replica or, if nodes is set, on each of its nodes. Absent
	// means one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Count *int32 `json:"count,omitempty"`

	// nodes is the number of pods, each on a node with count devices, that serve one replica together.
	// Absent means one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Nodes *int32 `json:"nodes,omitempty"`
}

// Parallelism splits a replica's devices, those of all its nodes: tensor times data times pipeline
// is their number.
type Parallelism struct {
	// tensor is the number of devices that share each layer. Absent means all
	// devices divided by data and pipeline.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Tensor *int32 `json:"tensor,omitempty"`

	// data is the number of copies of the model in one replica. Absent means one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Data *int32 `json:"data,omitempty"`

	// pipeline is the number of stages that the model's layers are divided into, a multiple of
	// accelerator.nodes: the devices of a stage are on one node. Absent means accelerator.nodes.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Pipeline *int32 `json:"pipeline,omitempty"`

	// workload is the kind of object that runs replicas on several nodes. RayService, which starts Ray
	// Serve, also runs on one. Absent means policy's kind for several nodes, and a Deployment for one.
	//
	// +optional
	Workload ReplicaKind `json:"workload,omitempty"`
}

// ReplicaKind is a kind of object that runs replicas on several nodes.
//
// +kubebuilder:validation:Enum=LeaderWorkerSet;RayService
type ReplicaKind string

// The kinds of replicas on several nodes.
const (
	ReplicaLeaderWorkerSet ReplicaKind = "LeaderWorkerSet"
	ReplicaRayService      ReplicaKind = "RayService"
)

// Prefill is the servers that process prompts. What it does not state is that of the other servers.
type Prefill struct {
	// replicas is the number of pods. Absent means one. While inferenceServer.replicas is 0, there are none.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// accelerator is the kind and number of devices of each pod. Absent means those of the other servers.
	//
	// +optional
	Accelerator *Accelerator `json:"accelerator,omitempty"`
}

// PodMetadata is metadata that a user can add to pods.
type PodMetadata struct {
	// labels are added to the pods' labels. A label that the platform sets cannot be changed.
	// Absent adds none.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.startsWith('dudaji.com/') && !key.startsWith('app.kubernetes.io/'))",message="labels below dudaji.com/ and app.kubernetes.io/ are the platform's own"
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 317 && key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key is a name of letters and digits, with - _ and . inside, at most 63 characters, and may have a DNS name and a slash before it"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations are added to the pods' annotations. Absent adds none.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, key == 'dudaji.com/restarted-at' || !key.startsWith('dudaji.com/'))",message="annotations below dudaji.com/ are the platform's own"
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 317 && key.matches('(?i)^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key is a name of letters and digits, with - _ and . inside, at most 63 characters, and may have a DNS name and a slash before it"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// LabelValue is the value of a label or of a node selector.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
type LabelValue string

// AnnotationValue is the value of an annotation.
//
// +kubebuilder:validation:MaxLength=16384
type AnnotationValue string
