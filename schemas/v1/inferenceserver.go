package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// InferenceServer is the container that serves the model, and its pod. The types of its fields are
// those of Kubernetes' core/v1.
type InferenceServer struct {
	// image is the container's image. Absent means policy's image for the
	// accelerator.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?((\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+(:[0-9]+)?|:[0-9]+)/)?[a-z0-9]+(([._]|__|-+|/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?$`
	Image string `json:"image,omitempty"`

	// imagePullPolicy is when the node pulls the image. Absent means Kubernetes' default.
	//
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// dialect is the kind of inference server: the name of a file in schemas/servers, such as
	// vllm, sglang or tgi. It decides which arguments, probes and port the platform adds. Absent
	// means the dialect of the command or of the image's name. A server of unknown dialect gets no
	// arguments.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Dialect string `json:"dialect,omitempty"`

	// command replaces the image's entry point. Absent means the image's.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=8192
	Command []string `json:"command,omitempty"`

	// args are the server's arguments. If the dialect is known, the platform adds the model, the
	// tensor-parallel size and the port if args do not set them. Absent means only the platform's
	// arguments.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=8192
	Args []string `json:"args,omitempty"`

	// env is set in the container, and overrides variables of policy and of the accelerator.
	// Absent means only the platform's variables.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Env []corev1.EnvVar `json:"env,omitempty"`

	// envFrom are Secrets and ConfigMaps whose keys are variables of the container. env and what
	// the platform sets override them. Absent adds none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// inferencePort is the server's HTTP port. Absent means the port in args, the dialect's
	// default, or policy's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	InferencePort *int32 `json:"inferencePort,omitempty"`

	// ports are other ports of the server, such as one for gRPC or metrics. The Service has them
	// too. Absent adds none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Ports []Port `json:"ports,omitempty"`

	// replicas is the number of pods. Absent means one at first; an autoscaler or `kubectl scale
	// deployment` can then change the number. 0 stops the server and releases its devices.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// resources are the container's resources. A limit on an accelerator's resource
	// (rebellions.ai/npu, nvidia.com/gpu) selects the accelerator and count. Absent means the
	// accelerator's devices, and policy's CPU and memory.
	//
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// resourceClaims are claims of devices by dynamic resource allocation, each of which
	// resources.claims names. The devices of spec.accelerator are then those of the claims, unless
	// their names are of networks, such as nic or rdma. Absent means none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ResourceClaims []corev1.PodResourceClaim `json:"resourceClaims,omitempty"`

	// volumeMounts are added to the container. A mount at /dev/shm or at the model cache's path
	// replaces the platform's. Absent adds none.
	//
	// +optional
	// +listType=map
	// +listMapKey=mountPath
	// +kubebuilder:validation:MaxItems=64
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`

	// initContainers run before the server, or beside it with restartPolicy Always. Absent means none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	InitContainers []InitContainer `json:"initContainers,omitempty"`

	// volumes are added to the pod. Absent adds none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Volumes []corev1.Volume `json:"volumes,omitempty"`

	// nodeSelector limits the nodes of the pods. Absent means any node with the devices.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 317 && key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key is a name of letters and digits, with - _ and . inside, at most 63 characters, and may have a DNS name and a slash before it"
	NodeSelector map[string]LabelValue `json:"nodeSelector,omitempty"`

	// tolerations are added to those for the accelerator's nodes. Absent adds none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity is the pods' affinity. Absent means none.
	//
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// topologySpreadConstraints spread the pods over zones or nodes. One without a labelSelector
	// counts the pods of this NpuDeploy. Absent means the cluster's defaults.
	//
	// +optional
	// +listType=map
	// +listMapKey=topologyKey
	// +listMapKey=whenUnsatisfiable
	// +kubebuilder:validation:MaxItems=16
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// schedulerName is the scheduler that places the pods. Absent means Kubernetes' default.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	SchedulerName string `json:"schedulerName,omitempty"`

	// serviceAccountName is the pods' service account, which policy must allow. Absent means an
	// account for this NpuDeploy, without rights and token.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullSecrets are Secrets of the same namespace for pulling the image. Absent means
	// policy's.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// priorityClassName is the pods' priority class. Absent means the project's
	// defaultPriorityClass, or policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName is the pods' runtime class. Absent means the accelerator's, if it needs
	// one.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// terminationGracePeriodSeconds is how long the server may take to stop. Absent means policy's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds,omitempty"`

	// securityContext is the container's. Its fields override those of policy and of the
	// accelerator, up to the Pod Security level that policy allows. Absent means policy's.
	//
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`

	// podSecurityContext is the pods'. Its fields override those of policy and of the accelerator,
	// up to the Pod Security level that policy allows. Absent means policy's.
	//
	// +optional
	PodSecurityContext *corev1.PodSecurityContext `json:"podSecurityContext,omitempty"`

	// hostIPC shares the node's IPC namespace with the pods, which the Pod Security level privileged
	// allows. Absent means false.
	//
	// +optional
	HostIPC *bool `json:"hostIPC,omitempty"`

	// probes replace the platform's probes, each as a whole. Absent means policy's, which allow
	// for a long start.
	//
	// +optional
	Probes *Probes `json:"probes,omitempty"`
}

// Probes are a container's three probes.
type Probes struct {
	// startup must succeed once before the other probes begin. Absent means policy's.
	//
	// +optional
	Startup *corev1.Probe `json:"startup,omitempty"`

	// readiness determines whether the pod receives requests. Absent means policy's.
	//
	// +optional
	Readiness *corev1.Probe `json:"readiness,omitempty"`

	// liveness restarts a server that no longer responds. Absent means policy's.
	//
	// +optional
	Liveness *corev1.Probe `json:"liveness,omitempty"`
}
