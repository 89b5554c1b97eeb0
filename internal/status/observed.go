package status

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Outcomes are the outcomes of rendering and applying the current generation of an owner.
type Outcomes struct {
	Render, Apply Outcome
	// Templates is the digest of the templates that rendered it, or empty.
	Templates string
	// OwnsNamespace means that the namespace of a Project is in place.
	OwnsNamespace bool
	// Now is the transition time of conditions that change.
	Now time.Time
}

// Outcome is the result of rendering or applying, as a condition reports it: the reason of success or of
// the error, or empty if the step was not reached.
type Outcome struct {
	Reason, Message string
}

// Observed is the input of Evaluate. It is not modified.
type Observed struct {
	// Deploy has the generation to evaluate and the previous status.
	Deploy *v1.NpuDeploy
	Outcomes
	// Resolved has the resolved values; nil keeps those in the status.
	Resolved *Resolved
	// Update is the effect of newer templates, or nil.
	Update     *Update
	Workload   Workload
	Scheduling SchedulingContext
	Route      Route
	// Autoscaler is the live HorizontalPodAutoscaler or ScaledObject, with its status, or nil.
	Autoscaler *unstructured.Unstructured
	// Measurement is the newest measurement of the backends, or nil before the first.
	Measurement *Measurement
}

// ObservedProject is the input of EvaluateProject.
type ObservedProject struct {
	// Project has the generation to evaluate and the previous status.
	Project *v1.Project
	Outcomes
}

// Resolved has the resolved values of a spec.
type Resolved struct {
	URL         string
	Image       string
	Accelerator *v1.AcceleratorStatus
	Parallelism *v1.ParallelismStatus
	// Workload is the kind of the object with the pods, or empty if none is rendered.
	Workload string
	// Selector selects the pods, in text form.
	Selector string
	// Traffic is how the route divides requests, or nil.
	Traffic []v1.TrafficStatus
	// Steps are the steps of the division, or nil.
	Steps *TrafficSteps
	// PlacementSeconds limits how long a partial group may hold devices; 0 is no limit.
	PlacementSeconds int32
}

// Update is the effect of other templates than those in use.
type Update struct {
	v1.TemplateUpdate // empty if other templates change nothing, and those that were requested are not stored

	// Message describes the effect.
	Message string

	// MayWait is how long the update may wait for a request. 0 means that there is no limit, or that updates are
	// automatic.
	MayWait time.Duration
}

// Workload is the live Deployment, LeaderWorkerSet or RayService, of which there is one, with its pods and events.
type Workload struct {
	// Prefill is the Deployment of the role prefill with its pods, or nil. If it is set, Pods are those of the role decode.
	Prefill *Workload
	// Deployment is nil if there is none.
	Deployment *appsv1.Deployment
	// Groups is nil if there is none.
	Groups *LeaderWorkerSet
	// Rejection is the API server's last response to the creation of a pod of Groups, or empty.
	Rejection string
	// Ray is nil if there is none.
	Ray *RayService
	// Admission is why a queue does not admit what Queued returns, or empty.
	Admission string
	// SpecObserved means that the Deployment's controller has acted on its spec, though not on its
	// latest generation: an annotation changed, which counts as a generation too.
	SpecObserved bool
	// ReplicaSets are the Deployment's. The current one is found by owner, label
	// pod-template-hash and annotation deployment.kubernetes.io/revision.
	ReplicaSets []metav1.PartialObjectMetadata
	// Pods are all pods that the selector selects. Of their specs, only nodeName and images are read.
	Pods []corev1.Pod
	// Warnings are events of these pods. They complete messages; only few reasons depend on them.
	Warnings []corev1.Event
}

// Labels of pods with roles. Other pods of an NpuDeploy have none.
const (
	LabelRole   = "dudaji.com/role"
	RolePrefill = "prefill"
	RoleDecode  = "decode"
)

// RolePicker is the role of the pod of an endpoint picker, which has the label v1.LabelPicker instead.
const RolePicker = "picker"

// PodLabels returns the labels of pods that this package and the controller read.
func PodLabels() []string {
	return []string{
		v1.LabelDeploy, v1.LabelPicker, LabelRole, appsv1.DefaultDeploymentUniqueLabelKey,
		LabelGroup, LabelWorker, labelRevision, labelRayCluster, LabelRayNode, LabelQueue,
	}
}

// exists reports whether there is an object with pods.
func (w Workload) exists() bool { return w.Deployment != nil || w.Groups != nil || w.Ray != nil }

// AllPods returns the pods of both roles.
func (w Workload) AllPods() []corev1.Pod {
	if w.Prefill == nil {
		return w.Pods
	}
	return slices.Concat(w.Pods, w.Prefill.Pods)
}

// desired returns the desired number of replicas.
func (w Workload) desired() int {
	switch {
	case w.Ray != nil:
		return w.Ray.desired()
	case w.Groups != nil:
		return orOne(w.Groups.Spec.Replicas)
	case w.Deployment != nil:
		return orOne(w.Deployment.Spec.Replicas)
	}
	return 0
}

// podSpec returns the spec of the template that the pod is created from, with the containers' names,
// resources and startup probes.
func (w Workload) podSpec(pod corev1.Pod) corev1.PodSpec {
	switch {
	case w.Ray != nil:
		return w.Ray.podSpec(pod)
	case w.Groups != nil && isLeader(pod):
		return w.Groups.Spec.LeaderWorkerTemplate.LeaderTemplate.Spec
	case w.Groups != nil:
		return w.Groups.Spec.LeaderWorkerTemplate.WorkerTemplate.Spec
	case w.Deployment != nil:
		return w.Deployment.Spec.Template.Spec
	}
	return corev1.PodSpec{}
}

// SchedulingContext is what the placement of pods depends on.
type SchedulingContext struct {
	// Devices counts the accelerator's resource.
	Devices Devices
	// Nodes are by name. A name that is absent is a node that was deleted; a nil map means
	// that nodes were not observed.
	Nodes map[string]Node
}

// Devices counts one extended resource over the nodes that pods may use.
type Devices struct {
	// Nodes is the number of nodes that have any.
	Nodes int
	// Allocatable and Requested are sums over those nodes. Requests of pods that are not
	// watched are missing.
	Allocatable, Requested int64
	// LargestFree is the most that one node has free.
	LargestFree int64
}

// Node is a node's readiness.
type Node struct {
	Ready bool
	// Since is the last transition of condition Ready.
	Since metav1.Time
}

// Route is the object that routes requests to the pods.
type Route struct {
	// Kind is None if the spec requests no endpoint, and empty if the spec did not render.
	Kind v1.EndpointKind
	// Host is the name that the route claims.
	Host string
	// Owner describes the other NpuDeploy that owns the host and path, or is empty.
	Owner string
	// Forbidden is the reason that this namespace may not use the host, or empty.
	Forbidden string
	// Shares is how the route divides requests, or nil.
	Shares []v1.TrafficStatus
	// Object is the live route, or nil. An HTTPRoute, also that of an InferencePool, is unstructured, with its
	// status.
	Object metav1.Object
	// Pool is the live InferencePool with its status, or nil.
	Pool *unstructured.Unstructured
	// Picker is the Deployment of the pool's endpoint picker with its pod, or nil if there is none.
	Picker *Workload

	started string // the backend that a request starts, or empty
}
