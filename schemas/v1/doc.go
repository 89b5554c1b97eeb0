// Package v1 is the Go shape of dudaji.com/v1: NpuDeploy, Project and TemplateRollout, with
// their statuses and conditions.
//
// The types define structure and bounds. controller-gen generates the CRD from them, and
// schemas/gen the CUE definition from the CRD. They have no defaults: a default that the API
// server writes into an object would not follow a change of policy. Defaults are in schemas/policy
// and schemas/accelerators, and status shows them.
//
// +kubebuilder:object:generate=true
// +groupName=dudaji.com
package v1
