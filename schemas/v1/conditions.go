package v1

// The conditions of an NpuDeploy. Ready sums up the others:
//
//	Ready
//	├── Rendered    the spec and the templates yield manifests
//	├── Applied     the API server holds those manifests
//	├── Available   all wanted pods of the current generation are ready
//	└── Endpoint    the route exists, and the host is ours
//
// Each has its own observedGeneration. Endpoint is True with reason NoEndpoint when
// the spec asks for none. Stalled stands beside them, and only while waiting is in
// vain: the spec has to change.
const (
	ConditionReady     = "Ready"
	ConditionRendered  = "Rendered"
	ConditionApplied   = "Applied"
	ConditionAvailable = "Available"
	ConditionEndpoint  = "Endpoint"
	ConditionStalled   = "Stalled"
)

// Reasons of more than one condition.
const (
	// ReasonReady means, of Ready, that all others are True.
	ReasonReady = "Ready"
	// ReasonNotObserved means that nobody has looked yet.
	ReasonNotObserved = "NotObserved"
	// ReasonNotRendered means that Rendered is not True, so that there is nothing
	// to apply; what was applied before stays.
	ReasonNotRendered = "NotRendered"
	// ReasonNotApplied means that Applied is not True, so that there is nothing to
	// look at.
	ReasonNotApplied = "NotApplied"
)

// Reasons of Rendered.
const (
	// ReasonRendered means that manifests were made.
	ReasonRendered = "Rendered"
	// ReasonInvalidSpec means that the spec breaks a rule; only a new spec helps.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonInvalidTemplate means that the platform's templates are at fault.
	ReasonInvalidTemplate = "InvalidTemplate"
)

// Reasons of Applied.
const (
	// ReasonApplied means that every manifest is in place.
	ReasonApplied = "Applied"
	// ReasonConflict means that another field manager owns a field, or that an object
	// of that name is not ours.
	ReasonConflict = "Conflict"
	// ReasonContested means that somebody keeps rewriting what we apply.
	ReasonContested = "Contested"
	// ReasonKindNotInstalled means that the API server does not know a kind (yet).
	ReasonKindNotInstalled = "KindNotInstalled"
	// ReasonKindNotAllowed means that a template yields what no template may.
	ReasonKindNotAllowed = "KindNotAllowed"
	// ReasonImmutable means that a field cannot change once set.
	ReasonImmutable = "Immutable"
	// ReasonRejected means that the API server or its admission refused a manifest.
	ReasonRejected = "Rejected"
	// ReasonApplyFailed means that the API server could not be asked; it is retried.
	ReasonApplyFailed = "ApplyFailed"
)

// Reasons of Available, those that a user can act on first.
const (
	// ReasonAvailable means that all wanted pods are ready.
	ReasonAvailable = "Available"
	// ReasonScaledToZero means that no pods are wanted; Available is True.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonQuotaExceeded means that the namespace's quota refused a pod.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonPodRejected means that admission, or the node it was bound to, refused a
	// pod.
	ReasonPodRejected = "PodRejected"
	// ReasonImagePull means that a node cannot pull the image.
	ReasonImagePull = "ImagePull"
	// ReasonContainerConfig means that a container cannot be made: a Secret, a
	// ConfigMap or a mount is missing.
	ReasonContainerConfig = "ContainerConfig"
	// ReasonOutOfMemory means that the kernel killed the server.
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonCrashLoop means that the server exits instead of serving.
	ReasonCrashLoop = "CrashLoop"
	// ReasonProbeFailing means that the server runs and does not answer.
	ReasonProbeFailing = "ProbeFailing"
	// ReasonNodeLost means that a pod's node stopped reporting.
	ReasonNodeLost = "NodeLost"
	// ReasonNoFreeDevice means that no node has the devices to spare.
	ReasonNoFreeDevice = "NoFreeDevice"
	// ReasonUnschedulable means that the scheduler found no node for another reason.
	ReasonUnschedulable = "Unschedulable"
	// ReasonStarting means that the server is loading, within its budget.
	ReasonStarting = "Starting"
	// ReasonProgressing means that pods are being made or replaced.
	ReasonProgressing = "Progressing"
)

// Reasons of Endpoint.
const (
	// ReasonRouted means that the route is in place.
	ReasonRouted = "Routed"
	// ReasonNoEndpoint means that the spec asks for none.
	ReasonNoEndpoint = "NoEndpoint"
	// ReasonHostTaken means that an older NpuDeploy has the same host and path.
	ReasonHostTaken = "HostTaken"
	// ReasonHostNotAllowed means that the host belongs to another project, or is none of
	// the namespace's own project.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonRouteNotAccepted means that the gateway refused the route.
	ReasonRouteNotAccepted = "RouteNotAccepted"
	// ReasonRoutePending means that the route was not applied yet.
	ReasonRoutePending = "RoutePending"
)

// Names that mark the controller's work on other objects.
const (
	// FieldManager owns what the controller applies.
	FieldManager = "nufi-controller"
	// AnnotationAdopt on an existing object, with the NpuDeploy's name as its value,
	// lets the controller take the object over.
	AnnotationAdopt = "dudaji.com/adopt"
)
