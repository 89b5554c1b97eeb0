package status

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Observed is all that one judgement rests on. Judge does not change any of it.
type Observed struct {
	// Deploy has the generation that is judged and the status before.
	Deploy *v1.NpuDeploy
	// Render and Apply say how far this generation came.
	Render, Apply Outcome
	// Resolved is what rendering settled on. Nil keeps what the status has.
	Resolved *Resolved
	// Inventory is what apply recorded. It is looked at only if Apply is known.
	Inventory []v1.InventoryEntry
	Workload  Workload
	Cluster   Cluster
	Route     Route
	// Now is when a condition that changes its status changed it.
	Now time.Time
}

// Outcome is the result of a stage in the words of its condition: the reason of
// success, of a fault, or empty while the stage was not reached.
type Outcome struct {
	Reason, Message string
}

// Resolved holds effective values for the status.
type Resolved struct {
	URL         string
	Image       string
	Accelerator *v1.AcceleratorStatus
	Parallelism *v1.ParallelismStatus
	// Selector finds the pods, in text form.
	Selector string
	// Templates is the digest of the templates.
	Templates string
}

// Workload is the live deployment and what belongs to it.
type Workload struct {
	// Deployment is nil when there is none.
	Deployment *appsv1.Deployment
	// ReplicaSets are those of the deployment. Their metadata is enough to tell the
	// current revision: owner, label pod-template-hash, annotation
	// deployment.kubernetes.io/revision, which the deployment has to have kept too.
	ReplicaSets []metav1.PartialObjectMetadata
	// Pods are all that the selector finds. Of their spec only nodeName is read.
	Pods []corev1.Pod
	// Warnings are events of these pods, as far as they are known. They explain
	// (what a probe answered); they decide little.
	Warnings []corev1.Event
}

// Cluster is what other tenants and the hardware contribute.
type Cluster struct {
	// Devices counts those of the accelerator's resource.
	Devices Devices
	// Nodes are known by name. Nil means not known; a name that is absent otherwise
	// is a node that is gone.
	Nodes map[string]Node
}

// Devices counts one extended resource over the nodes that pods may use. Pods that are
// not watched are missing from Requested.
type Devices struct {
	// Nodes is the number of nodes that have any.
	Nodes int
	// Allocatable and Requested are sums over those nodes.
	Allocatable, Requested int64
	// LargestFree is the most that one node has to spare.
	LargestFree int64
}

// Node is a node's readiness.
type Node struct {
	Ready bool
	// Since is when Ready took its value.
	Since metav1.Time
}

// Route is the way from outside.
type Route struct {
	// Kind is the kind in use: None if the spec asks for none, empty while it is not
	// known.
	Kind v1.EndpointKind
	// Host is the name that the route claims.
	Host string
	// Owner is the older NpuDeploy (namespace/name) that has the host and path. Empty
	// means that they are ours.
	Owner string
	// Refused is why no deployment of this namespace may have the host. Empty means that
	// it may.
	Refused string
	// Object is the live route, or nil. An HTTPRoute is unstructured, with its status.
	Object metav1.Object
}
