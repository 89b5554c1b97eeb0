package v1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Project is a namespace with members, a quota, and the hosts that its NpuDeploys may use. The
// namespace has the project's name.
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

	// spec is the desired state. The platform's policy supplies what is absent.
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

// ProjectSpec is the desired state. No field has a default here: see the package comment.
type ProjectSpec struct {
	// displayName is the name of the project in user interfaces. Absent means metadata.name.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	DisplayName string `json:"displayName,omitempty"`

	// description describes the project. Absent means no description.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Description string `json:"description,omitempty"`

	// members are the users and groups with access to the project, each at most once. Absent means
	// that only the cluster's administrators have access.
	//
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Members []Member `json:"members,omitempty"`

	// quota limits the total requests of the project's pods and volume claims. Absent sets no
	// limit.
	//
	// +optional
	Quota *Quota `json:"quota,omitempty"`

	// defaultPriorityClass is the priority class of NpuDeploys that do not set priorityClassName.
	// Absent means policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	DefaultPriorityClass string `json:"defaultPriorityClass,omitempty"`

	// hostSuffixes are DNS names that are reserved for this project, with all names below them.
	// Its NpuDeploys cannot use other hosts, and NpuDeploys of other projects cannot use these. If
	// several projects match a host, the longest suffix wins, then the oldest project. Absent
	// means any host that is not reserved for another project.
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

// MemberKind is the kind of identity that a member is.
//
// +kubebuilder:validation:Enum=User;Group
type MemberKind string

// The kinds of member.
const (
	MemberUser  MemberKind = "User"
	MemberGroup MemberKind = "Group"
)

// Role is a member's role. The roles are the ClusterRoles nufi-project-viewer, nufi-project-editor
// and nufi-project-admin; each includes the rights of the one before.
//
// +kubebuilder:validation:Enum=Viewer;Editor;Admin
type Role string

// The roles.
const (
	RoleViewer Role = "Viewer"
	RoleEditor Role = "Editor"
	RoleAdmin  Role = "Admin"
)

// Member is a user or a group.
type Member struct {
	// kind is the kind of name.
	//
	// +required
	Kind MemberKind `json:"kind"`

	// name is the user or group as Kubernetes authenticates it, including any prefix. Kubernetes'
	// own identities (system:...) are not allowed.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[\p{L}\p{N}](.*\S)?$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="names that start with system: are Kubernetes' own"
	Name string `json:"name"`

	// role is the member's role.
	//
	// +required
	Role Role `json:"role"`
}

// Quota limits the totals of a project.
type Quota struct {
	// accelerators limits the devices, by type. A type that is absent has no limit.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Accelerators []AcceleratorQuota `json:"accelerators,omitempty"`

	// cpu limits the CPU requests, in cores: 64 or 500m. Absent sets no limit.
	//
	// +optional
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory limits the memory requests, in bytes: 512Gi. Absent sets no limit.
	//
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`

	// storage limits the total size of volume claims, in bytes: 1Ti. Absent sets no limit.
	//
	// +optional
	Storage *resource.Quantity `json:"storage,omitempty"`
}

// AcceleratorQuota limits the devices of one type.
type AcceleratorQuota struct {
	// type is the name of an accelerator that the platform describes.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Type string `json:"type"`

	// count is the number of devices that all pods together can request. 0 allows none.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Count int32 `json:"count"`
}

// ProjectStatus is what the controller observed.
type ProjectStatus struct {
	// observedGeneration is the metadata.generation that this status describes. 0
	// means none yet.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready and the two that it summarizes, Rendered and Applied.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// namespace is the project's namespace. Absent until it exists and belongs to the project.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// templates is the digest of the CUE templates of the manifests. Absent until rendered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates,omitempty"`

	// inventory is the digests of objects that an earlier version of the controller applied. Later ones
	// annotate the objects, and remove an entry once its object has the annotation.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Inventory []InventoryEntry `json:"inventory,omitempty"`
}
