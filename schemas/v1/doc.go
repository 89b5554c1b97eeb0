// Package v1 is the Go shape of dudaji.com/v1: NpuDeploy and Project, their statuses and
// conditions.
//
// The types own structure and bounds: controller-gen makes the CRD from them, and
// `cue get crd` makes the CUE definition from that CRD, so that the three cannot
// differ. They hold no default. A default that the API server writes into an
// object stays there for ever; ours live in schemas/policy and
// schemas/accelerators, follow a change of policy, and are shown in status.
//
// +kubebuilder:object:generate=true
// +groupName=dudaji.com
package v1
