package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version name the API; the others are the kinds in it.
const (
	Group       = "dudaji.com"
	Version     = "v1"
	Kind        = "NpuDeploy"
	KindProject = "Project"

	KindTemplateRollout = "TemplateRollout"
)

// LabelDeploy is the label of the objects of an NpuDeploy, and of their pods and ReplicaSets, whose value is its name.
const LabelDeploy = "dudaji.com/npudeploy"

// LabelProject is the label of the objects of a Project whose value is its name.
const LabelProject = "dudaji.com/project"

// LabelPicker is the label of the pod of an endpoint picker whose value is the name of its NpuDeploy.
const LabelPicker = "dudaji.com/picker"

// GroupVersion returns dudaji.com/v1.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// AddToScheme registers the types of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(), &NpuDeploy{}, &NpuDeployList{}, &Project{}, &ProjectList{},
		&TemplateRollout{}, &TemplateRolloutList{})
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}
