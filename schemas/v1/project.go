package v1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Project is a namespace for some people: who may do what in it, how much of the
// cluster it may use, and which hosts its deployments may claim. The namespace has the
// project's name.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=projects,singular=project,shortName=nproj,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Display Name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.status.namespace`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Template",type=string,JSONPath=`.status.templates`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name: must be a lower-case DNS label of at most 63 characters: it becomes the name of a namespace"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'default' && !self.metadata.name.startsWith('kube-')",message="metadata.name: default and kube-* are Kubernetes' own namespaces"
type Project struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the project may do, and who. Whatever it leaves out follows from
	// the platform's policy.
	//
	// +required
	Spec ProjectSpec `json:"spec"`

	// status is what the controller observed. Absent until the first reconcile.
	//
	// +optional
	Status ProjectStatus `json:"status,omitzero"`
}

// ProjectList is a list of Projects.
//
// +kubebuilder:object:root=true
type ProjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Project `json:"items"`
}

// ProjectSpec is what a project may do, and who. No field has a default here: see the
// package comment.
type ProjectSpec struct {
	// displayName is the project's name as people write it. Absent means
	// metadata.name.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	DisplayName string `json:"displayName,omitempty"`

	// description says what the project is for. Absent says nothing.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Description string `json:"description,omitempty"`

	// members are the people and groups that may work in the project, each once.
	// Absent means that only the cluster's administrators may.
	//
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Members []Member `json:"members,omitempty"`

	// quota bounds what the project's pods and claims may ask for in sum. Absent sets
	// no bound.
	//
	// +optional
	Quota *Quota `json:"quota,omitempty"`

	// defaultPriorityClass orders the pods of the project's NpuDeploys that name no
	// priority class. Absent means policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	DefaultPriorityClass string `json:"defaultPriorityClass,omitempty"`

	// hostSuffixes are the DNS names that belong to this project, with all names below
	// them: its NpuDeploys may claim no other host, and nobody else's may claim these.
	// Of two projects, the longer suffix wins, then the older project. Absent means
	// any host that belongs to no other project.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	HostSuffixes []HostSuffix `json:"hostSuffixes,omitempty"`
}

// HostSuffix is a DNS name.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`
type HostSuffix string

// MemberKind is what a member's name names.
//
// +kubebuilder:validation:Enum=User;Group
type MemberKind string

// The kinds of member.
const (
	MemberUser  MemberKind = "User"
	MemberGroup MemberKind = "Group"
)

// Role is what a member may do. The three are the ClusterRoles nufi-project-viewer,
// nufi-project-editor and nufi-project-admin, each with what the one before has.
//
// +kubebuilder:validation:Enum=Viewer;Editor;Admin
type Role string

// The roles.
const (
	RoleViewer Role = "Viewer"
	RoleEditor Role = "Editor"
	RoleAdmin  Role = "Admin"
)

// Member is a person, or all people of a group.
type Member struct {
	// kind says whether name is a person's or a group's.
	//
	// +required
	Kind MemberKind `json:"kind"`

	// name is the user name or the group as Kubernetes' authentication yields it, with
	// its prefix if it has one. Kubernetes' own identities (system:...) are nobody's
	// to name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[\p{L}\p{N}](.*\S)?$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="names that start with system: are Kubernetes' own"
	Name string `json:"name"`

	// role is what the member may do.
	//
	// +required
	Role Role `json:"role"`
}

// Quota bounds sums over all that the project runs.
type Quota struct {
	// accelerators bound the devices, by type. A type that is absent has no bound.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Accelerators []AcceleratorQuota `json:"accelerators,omitempty"`

	// cpu bounds the requests of CPU, in cores: 64 or 500m. Absent sets no bound.
	//
	// +optional
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory bounds the requests of memory, in bytes: 512Gi. Absent sets no bound.
	//
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`

	// storage bounds the size of all claims for volumes, in bytes: 1Ti. Absent sets no
	// bound.
	//
	// +optional
	Storage *resource.Quantity `json:"storage,omitempty"`
}

// AcceleratorQuota bounds the devices of one type.
type AcceleratorQuota struct {
	// type is the name of an accelerator that the platform describes.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Type string `json:"type"`

	// count is the number of devices that all pods may hold together. 0 allows none.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Count int32 `json:"count"`
}

// ProjectStatus is what the controller observed of the spec at observedGeneration.
type ProjectStatus struct {
	// observedGeneration is the metadata.generation that this status describes. 0
	// means none yet.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready and the two that it sums up, Rendered and Applied.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// namespace is the project's. Absent until it is in place, and ours.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// templates is the digest of the CUE templates that rendered the manifests.
	// Absent until they were rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates,omitempty"`

	// inventory lists every object that was applied for this project, written before
	// the first of them, so that none is ever forgotten. Absent means none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Inventory []InventoryEntry `json:"inventory,omitempty"`
}
