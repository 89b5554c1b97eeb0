package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TemplateRollout is the rollout of one set of templates to the NpuDeploys with automatic updates. The
// controller creates one for each set that changes manifests, and updates NpuDeploys in waves, as
// the set's policy describes. The rollout with the highest revision supersedes the others.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=templaterollouts,singular=templaterollout,shortName=trollout,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Templates",type=string,JSONPath=`.spec.templates`
// +kubebuilder:printcolumn:name="Complete",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Progressing")].reason`
// +kubebuilder:printcolumn:name="Wave",type=string,JSONPath=`.status.waveName`
// +kubebuilder:printcolumn:name="Updated",type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TemplateRollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is rolled out, and the requests of operators.
	//
	// +required
	Spec TemplateRolloutSpec `json:"spec"`

	// status is the progress. Absent until the first reconcile.
	//
	// +optional
	Status TemplateRolloutStatus `json:"status,omitzero"`
}

// TemplateRolloutList is a list of TemplateRollouts.
//
// +kubebuilder:object:root=true
type TemplateRolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TemplateRollout `json:"items"`
}

// TemplateRolloutSpec is what is rolled out, and the requests of operators.
type TemplateRolloutSpec struct {
	// templates is the digest of the set.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="templates cannot change: each set has its own rollout"
	Templates string `json:"templates"`

	// revision numbers the rollouts of a cluster. The highest one is current.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="revision cannot change"
	Revision int64 `json:"revision"`

	// paused assigns the set to no further NpuDeploy. Absent means false.
	//
	// +optional
	Paused bool `json:"paused,omitempty"`

	// aborted ends the rollout: policy decides whether the current wave is reverted. New NpuDeploys do
	// not use the set. Absent means false.
	//
	// +optional
	Aborted bool `json:"aborted,omitempty"`

	// retries is the number of requested retries. A number higher than status.retries resumes a halted
	// rollout at the wave that failed. Absent means 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Retries int32 `json:"retries,omitempty"`
}

// TemplateRolloutStatus is the progress of a rollout.
type TemplateRolloutStatus struct {
	// observedGeneration is the metadata.generation that this status describes. 0
	// means none yet.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Progressing, Halted and Complete.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// from is the number of NpuDeploys on each set, the most used first, when the rollout began.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	From []TemplateUse `json:"from,omitempty"`

	// plan is the number of NpuDeploys by the effect of the set on them, when the rollout began.
	//
	// +optional
	Plan *RolloutPlan `json:"plan,omitempty"`

	// waves are the waves in their order. An NpuDeploy is counted in a wave from its assignment.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Waves []RolloutWave `json:"waves,omitempty"`

	// wave is the index of the current wave. It equals the number of waves once all have ended.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Wave int32 `json:"wave"`

	// waveName is the name of the current wave. Absent once all have ended.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	WaveName string `json:"waveName,omitempty"`

	// summary is the number of updated NpuDeploys, and of those that the rollout changes: 3/12.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Summary string `json:"summary,omitempty"`

	// failed are NpuDeploys that failed with the set: the first of them, by namespace and name.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Failed []FailedDeploy `json:"failed,omitempty"`

	// retries is the number of retries that have begun.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Retries int32 `json:"retries,omitempty"`
}

// TemplateUse is the use of a set of templates.
type TemplateUse struct {
	// templates is the digest of the set.
	//
	// +required
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates"`

	// count is the number of NpuDeploys.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Count int32 `json:"count"`
}

// RolloutPlan is the number of NpuDeploys by the effect of a set on them.
type RolloutPlan struct {
	// none is the number without a change.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	None int32 `json:"none"`

	// inPlace is the number whose objects change, but no pod of a server.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	InPlace int32 `json:"inPlace"`

	// restart is the number whose pods are replaced.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Restart int32 `json:"restart"`

	// delete is the number that lose an object.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Delete int32 `json:"delete"`

	// refused is the number that would not render. They stay on their set.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Refused int32 `json:"refused"`
}

// RolloutWave is one wave.
type RolloutWave struct {
	// name is InPlace, Canary, the name of a stage, or the share that is updated when the wave ends: 10%.
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name"`

	// total is the number of NpuDeploys that were assigned the set.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`

	// updated is the number whose manifests are applied.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Updated int32 `json:"updated"`

	// ready is the number that have been Ready with the set for as long as policy requires.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Ready int32 `json:"ready"`

	// failed is the number that failed with the set.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Failed int32 `json:"failed"`

	// notReadyBefore is the number that were neither Ready nor Available before, and that the wave does not wait for.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	NotReadyBefore int32 `json:"notReadyBefore"`
}

// FailedDeploy is an NpuDeploy that failed with a set of templates.
type FailedDeploy struct {
	// namespace is the namespace of the NpuDeploy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`

	// name is the name of the NpuDeploy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// reason is the reason of its condition Ready, or DeadlineExceeded.
	//
	// +required
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason"`
}

// FollowedCondition is the condition by which a rollout judges an NpuDeploy.
//
// +kubebuilder:validation:Enum=Ready;Available
type FollowedCondition string

// RolloutAssignment is the assignment of a set of templates to an NpuDeploy by a TemplateRollout. It is
// recorded before any object changes.
type RolloutAssignment struct {
	// name is the name of the TemplateRollout.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// templates is the digest of the assigned set: that of the rollout or, after a failure, the
	// earlier one.
	//
	// +required
	// +kubebuilder:validation:MaxLength=128
	Templates string `json:"templates"`

	// from is the digest of the set before, and empty if that is lost.
	//
	// +required
	// +kubebuilder:validation:MaxLength=128
	From string `json:"from"`

	// wave is the index of the wave.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Wave int32 `json:"wave"`

	// since is the time of the assignment.
	//
	// +required
	Since metav1.Time `json:"since"`

	// wasReady reports whether the NpuDeploy served at the assignment: whether it was Ready, or at least Available.
	//
	// +required
	WasReady bool `json:"wasReady"`

	// follows is the condition by which the rollout judges whether it serves again: Ready or, if only that was True at
	// the assignment, Available. Absent means Ready.
	//
	// +optional
	Follows FollowedCondition `json:"follows,omitempty"`

	// retries is the status.retries of the rollout at the assignment.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Retries int32 `json:"retries,omitempty"`

	// failed is the reason that it failed with the rollout's set. Absent means that it has not failed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Failed string `json:"failed,omitempty"`

	// overdue is set if updates are manual and policy's limit for them had passed: the set that annotation
	// dudaji.com/update-to requested, or None. A request of another set ends the assignment.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Overdue string `json:"overdue,omitempty"`
}
