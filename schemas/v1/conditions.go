package v1

// The conditions of an NpuDeploy. Ready summarizes the next four:
//
//	Ready
//	├── Rendered    the spec and the templates yield manifests
//	├── Applied     the manifests are applied
//	├── Available   all desired pods of the current generation are ready
//	└── Endpoint    the route exists and its host belongs to the NpuDeploy
//
// Each has its own observedGeneration. Endpoint is True with reason NoEndpoint if the spec has no
// endpoint. Stalled is present only while a change of the spec is required, UpdateAvailable only
// while an update of the templates waits for a request, or for its wave, Scaling only with
// spec.scaling, and Promoted only with spec.endpoint.traffic.steps.
const (
	ConditionReady     = "Ready"
	ConditionRendered  = "Rendered"
	ConditionApplied   = "Applied"
	ConditionAvailable = "Available"
	ConditionEndpoint  = "Endpoint"
	ConditionStalled   = "Stalled"

	ConditionUpdateAvailable = "UpdateAvailable"
	ConditionScaling         = "Scaling"
	ConditionPromoted        = "Promoted"
)

// The conditions of a TemplateRollout. Progressing is True while it continues by itself. Halted stays
// True after a failure until a retry: no NpuDeploy is assigned a halted set. Complete stays True once all
// waves have ended.
const (
	ConditionProgressing = "Progressing"
	ConditionHalted      = "Halted"
	ConditionComplete    = "Complete"
)

// The comments below are the source of a table in docs/troubleshooting.md: a constant's first
// paragraph says what a reason means, the second what to do. docs/gen generates the table.

// Reasons of several conditions.
const (
	// ReasonReady means that all other conditions are True.
	ReasonReady = "Ready"
	// ReasonTerminating means that the object, or its namespace, is being deleted.
	//
	// Wait, or find out why the finalizers that the message names remain.
	ReasonTerminating = "Terminating"
	// ReasonNotObserved means that the controller has not evaluated the NpuDeploy yet.
	//
	// Check the controller if it persists.
	ReasonNotObserved = "NotObserved"
	// ReasonNotRendered means that Rendered is not True. Objects of an earlier generation remain.
	//
	// See Rendered.
	ReasonNotRendered = "NotRendered"
	// ReasonNotApplied means that Applied is not True and no earlier generation exists.
	//
	// See Applied.
	ReasonNotApplied = "NotApplied"
)

// Reasons of Rendered.
const (
	// ReasonRendered means that the manifests are rendered.
	ReasonRendered = "Rendered"
	// ReasonInvalidSpec means that the spec violates a rule. Stalled is True.
	//
	// Change the field that the message begins with; `nufi vet` reports the same.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonInvalidTemplate means that the platform's templates have an error.
	//
	// The platform team: `nufi vet --templates DIR`.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonTemplatesUnusable means that the set of templates that the objects were rendered with is not stored any
	// more, or of another version of the controller. The objects stay, and Ready does not depend on it unless the spec
	// has changed since.
	//
	// Wait for the rollout of the newest set; with manual updates: `nufi rollout update NAME`.
	ReasonTemplatesUnusable = "TemplatesUnusable"
)

// Reasons of Applied.
const (
	// ReasonApplied means that every manifest is applied.
	ReasonApplied = "Applied"
	// ReasonConflict means that an object of that name has another owner, or another field
	// manager owns a field.
	//
	// Delete the object, rename the NpuDeploy, or annotate the object with
	// `dudaji.com/adopt: NAME`.
	ReasonConflict = "Conflict"
	// ReasonContested means that another field manager repeatedly overwrites applied fields.
	//
	// Stop the manager that the message names, or remove the field from the templates.
	ReasonContested = "Contested"
	// ReasonKindNotInstalled means that the API server does not serve a kind.
	//
	// Install its CRD, or choose another `endpoint.kind`.
	ReasonKindNotInstalled = "KindNotInstalled"
	// ReasonKindNotAllowed means that the templates contain an object that templates must not
	// contain.
	//
	// The platform team: use the listed kinds, in the NpuDeploy's namespace.
	ReasonKindNotAllowed = "KindNotAllowed"
	// ReasonImmutable means that a field of an existing object cannot change. Stalled is True.
	//
	// Revert the change, or delete the object that the message names: it is created again.
	ReasonImmutable = "Immutable"
	// ReasonRejected means that the API server or a webhook rejected a manifest.
	//
	// See the message; `nufi diff` reports the same.
	ReasonRejected = "Rejected"
	// ReasonApplyFailed means that the API server or a webhook did not respond, or the controller
	// lacks a right. The controller retries.
	//
	// If it persists, check the webhook, or the right, that the message names.
	ReasonApplyFailed = "ApplyFailed"
)

// Reasons of Available, in the order of their priority.
const (
	// ReasonAvailable means that all desired pods are ready.
	ReasonAvailable = "Available"
	// ReasonScaledToZero means that no pods are desired. Available is True.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonQuotaExceeded means that the namespace's quota rejected a pod.
	//
	// Delete other deployments, or request more quota.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonPodRejected means that admission or a node rejected a pod.
	//
	// Check the pod security of `spec.inferenceServer`; for a node, its device plugin.
	ReasonPodRejected = "PodRejected"
	// ReasonImagePull means that a node cannot pull the image.
	//
	// Check the image, `imagePullSecrets` and the registry.
	ReasonImagePull = "ImagePull"
	// ReasonContainerConfig means that a container cannot be created.
	//
	// Create the Secret, ConfigMap, claim or directory that the message names.
	ReasonContainerConfig = "ContainerConfig"
	// ReasonOutOfMemory means that the kernel killed the server for its use of main memory.
	//
	// Increase `resources.limits.memory`, or reduce `--max-model-len`.
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonCrashLoop means that the server exits. The message contains the exit code and the
	// last line of its log.
	//
	// See `kubectl logs --previous POD`.
	ReasonCrashLoop = "CrashLoop"
	// ReasonApplicationFailed means that Ray Serve could not start the model in pods that run.
	//
	// Change `spec.inferenceServer.args` as the message describes; see the log of the RayService's pods.
	ReasonApplicationFailed = "ApplicationFailed"
	// ReasonProbeFailing means that the server runs but does not answer its probe.
	//
	// See the log; increase `probes.startup` for a slow start.
	ReasonProbeFailing = "ProbeFailing"
	// ReasonNodeLost means that a pod's node does not report its status.
	//
	// Check the node. The pod is replaced when its toleration ends, by default after five
	// minutes.
	ReasonNodeLost = "NodeLost"
	// ReasonQueued means that a queue, or another owner of a scheduling gate, holds a pod back.
	//
	// See the message: the quota of the queue, or a queue that does not exist or is stopped.
	ReasonQueued = "Queued"
	// ReasonNoFreeDevice means that no node has enough free devices.
	//
	// Free devices, request fewer per replica, or use a higher priority class.
	ReasonNoFreeDevice = "NoFreeDevice"
	// ReasonUnschedulable means that the scheduler found no node for another reason.
	//
	// See the message: selectors, taints, memory, claims.
	ReasonUnschedulable = "Unschedulable"
	// ReasonStarting means that the server is loading, within the limit of its startup probe.
	ReasonStarting = "Starting"
	// ReasonProgressing means that pods are being created or replaced.
	ReasonProgressing = "Progressing"
)

// Reasons of Endpoint.
const (
	// ReasonRouted means that the route exists.
	ReasonRouted = "Routed"
	// ReasonNoEndpoint means that the spec has no endpoint.
	ReasonNoEndpoint = "NoEndpoint"
	// ReasonHostTaken means that an older NpuDeploy has the same host and path, or a deleted one that
	// still has a route.
	//
	// Choose another host or path; the message names the owner. Delete the route that a deleted one
	// left behind, or annotate it with `dudaji.com/adopt: NAME` if an NpuDeploy of the same name
	// replaces that one.
	ReasonHostTaken = "HostTaken"
	// ReasonHostNotAllowed means that the host belongs to another project, or not to the
	// namespace's own.
	//
	// Choose a host below the project's `hostSuffixes`.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonRouteNotAccepted means that the gateway rejected the route.
	//
	// See the message: listeners, allowed namespaces.
	ReasonRouteNotAccepted = "RouteNotAccepted"
	// ReasonPickerNotReady means that the endpoint picker of the InferencePool has no ready pod, which may still start.
	//
	// See the message; for the picker's log, `kubectl logs deployment/NAME-epp`.
	ReasonPickerNotReady = "PickerNotReady"
	// ReasonPickerFailed means that the endpoint picker of the InferencePool has no ready pod, for a reason that
	// only a change resolves.
	//
	// See the message, and policy's `picker`; for the picker's log, `kubectl logs deployment/NAME-epp`.
	ReasonPickerFailed = "PickerFailed"
	// ReasonBackendsNotReady means that no backend with a weight in `endpoint.traffic` has a ready pod.
	//
	// Send requests to one that has: `nufi promote NAME BACKEND`.
	ReasonBackendsNotReady = "BackendsNotReady"
	// ReasonRoutePending means that the route does not exist yet, or no gateway has reported its
	// status.
	//
	// If it persists, check that `endpoint.gateway` exists and that a gateway serves it.
	ReasonRoutePending = "RoutePending"
)

// Reasons of Scaling. Ready does not depend on it.
const (
	// ReasonScaling means that the autoscaler sets the number of pods.
	ReasonScaling = "Scaling"
	// ReasonScalingPending means that the autoscaler does not exist or has no status yet.
	ReasonScalingPending = "ScalingPending"
	// ReasonScalingFailed means that the autoscaler reports an error. The number of pods stays as it is.
	//
	// See the message; for the metric, check the adapter or KEDA: docs/scaling.md.
	ReasonScalingFailed = "ScalingFailed"
	// ReasonScalingDisabled means that a client set replicas to 0, at which the autoscaler does nothing.
	//
	// `kubectl scale deployment/NAME --replicas=1`.
	ReasonScalingDisabled = "ScalingDisabled"
	// ReasonScalingOverridden means that a client scaled the Deployment beyond `min` or `max`. The
	// autoscaler corrects it.
	//
	// Change `scaling.min` or `scaling.max` instead.
	ReasonScalingOverridden = "ScalingOverridden"
	// ReasonScalingLimited means that devices or quota are missing for the pods that the autoscaler wants.
	//
	// Free devices, request more quota, or reduce `scaling.max`.
	ReasonScalingLimited = "ScalingLimited"
)

// Reasons of Promoted. Ready does not depend on it.
const (
	// ReasonPromoted means that the backend of `endpoint.traffic.steps` has the last of its shares.
	ReasonPromoted = "Promoted"
	// ReasonPromoting means that measurements are within bounds, and the share grows.
	ReasonPromoting = "Promoting"
	// ReasonPromotionWaiting means that there is no measurement to decide by: the share stays as it is.
	//
	// See the message; for Prometheus, `--prometheus` of the controller: docs/traffic.md.
	ReasonPromotionWaiting = "PromotionWaiting"
	// ReasonRolledBack means that a measurement was out of bounds: the backend gets no requests.
	//
	// Correct the backend, and set another `endpoint.traffic.steps.retries`.
	ReasonRolledBack = "RolledBack"
)

// Reasons of UpdateAvailable.
const (
	// ReasonUpdateInPlace means that newer templates would change objects and no pod of a server.
	//
	// With manual updates: `nufi rollout update NAME`.
	ReasonUpdateInPlace = "UpdateInPlace"
	// ReasonUpdateRestarts means that newer templates would replace the pods.
	//
	// With manual updates: `nufi rollout update NAME`, when a restart is acceptable.
	ReasonUpdateRestarts = "UpdateRestarts"
	// ReasonUpdateDeletes means that newer templates would delete an object.
	//
	// With manual updates: `nufi rollout update NAME`, when the object is not used any more.
	ReasonUpdateDeletes = "UpdateDeletes"
	// ReasonUpdateNotStored means that templates were requested that are not stored.
	//
	// Request others: `nufi rollout update NAME --to DIGEST`.
	ReasonUpdateNotStored = "UpdateNotStored"
	// ReasonUpdateRefused means that the spec does not render with newer templates.
	//
	// Change the spec as the message describes.
	ReasonUpdateRefused = "UpdateRefused"
)

// Reasons of Progressing, of a TemplateRollout.
const (
	// ReasonUpdating means that NpuDeploys are being updated, or must stay Ready for a while.
	ReasonUpdating = "Updating"
	// ReasonReverting means that the NpuDeploys of the failed wave return to their earlier templates.
	ReasonReverting = "Reverting"
	// ReasonWaitingForWindow means that policy's windows allow no update now.
	ReasonWaitingForWindow = "WaitingForWindow"
	// ReasonWaitingForDevices means that the new pods of the NpuDeploys that remain need more devices
	// than are free. Their old pods serve.
	//
	// Free devices.
	ReasonWaitingForDevices = "WaitingForDevices"
	// ReasonPaused means that `spec.paused` is true.
	//
	// Set `spec.paused` to false.
	ReasonPaused = "Paused"
	// ReasonSuperseded means that a newer set of templates serves.
	ReasonSuperseded = "Superseded"
	// ReasonIgnored means that the controller did not create the TemplateRollout.
	//
	// Delete it.
	ReasonIgnored = "Ignored"
	// ReasonStopped means that the rollout is halted: see Halted.
	ReasonStopped = "Stopped"
	// ReasonAllUpdated means that all waves have ended.
	ReasonAllUpdated = "AllUpdated"
)

// Reasons of Halted, of a TemplateRollout.
const (
	// ReasonNoFailure means that no more NpuDeploys failed than policy tolerates.
	ReasonNoFailure = "NoFailure"
	// ReasonDeploysFailed means that more NpuDeploys failed than policy tolerates.
	//
	// Correct the templates, or increase `spec.retries`.
	ReasonDeploysFailed = "DeploysFailed"
	// ReasonAborted means that `spec.aborted` is true.
	//
	// Serve other templates.
	ReasonAborted = "Aborted"
	// ReasonDeadlineExceeded means that an NpuDeploy was not Ready within policy's `deadlineSeconds`.
	//
	// See its condition Ready.
	ReasonDeadlineExceeded = "DeadlineExceeded"
)

// Reasons of Complete, of a TemplateRollout.
const (
	// ReasonComplete means that every NpuDeploy that the set changes was updated.
	ReasonComplete = "Complete"
	// ReasonIncomplete means that waves remain.
	ReasonIncomplete = "Incomplete"
)

// IsPodFailure reports whether a reason says that a pod stays as it is until what it runs is changed.
func IsPodFailure(reason string) bool {
	switch reason {
	case ReasonPodRejected, ReasonImagePull, ReasonContainerConfig, ReasonOutOfMemory, ReasonCrashLoop, ReasonProbeFailing:
		return true
	}
	return false
}

// Names that the controller uses on other objects.
const (
	// FieldManager is the field manager of applied objects.
	FieldManager = "nufi-controller"
	// AnnotationAdopt, with the NpuDeploy's name as its value, allows the controller to take over
	// an existing object.
	AnnotationAdopt = "dudaji.com/adopt"
	// AnnotationManifest, on every applied object, is the digest of its manifest without this
	// annotation.
	AnnotationManifest = "dudaji.com/manifest"
	// AnnotationUpdateTo, on an NpuDeploy whose updates are manual, is the digest of the templates to
	// use: newer ones, or earlier ones that the controller has kept.
	AnnotationUpdateTo = "dudaji.com/update-to"
	// AnnotationChecksum, on a TemplateRollout that the controller created, is a digest of its name and its
	// templates. Without it, a TemplateRollout is ignored.
	AnnotationChecksum = "dudaji.com/checksum"
	// AnnotationStoredIn, on a TemplateRollout, is the namespace in which the controller keeps sets of templates.
	AnnotationStoredIn = "dudaji.com/stored-in"
)
