package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// InitContainer runs before the server, or beside it with restartPolicy Always. Its fields have
// the meaning that they have in core/v1.
type InitContainer struct {
	// name is the container's name. It differs from server, the name of the server's container.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// image is the container's image.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?((\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+(:[0-9]+)?|:[0-9]+)/)?[a-z0-9]+(([._]|__|-+|/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?$`
	Image string `json:"image"`

	// imagePullPolicy is when the node pulls the image. Absent means Kubernetes' default.
	//
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// restartPolicy is Always for a container that runs beside the server. Absent means one that
	// ends before the server starts.
	//
	// +optional
	// +kubebuilder:validation:Enum=Always
	RestartPolicy corev1.ContainerRestartPolicy `json:"restartPolicy,omitempty"`

	// command replaces the image's entry point. Absent means the image's.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=8192
	Command []string `json:"command,omitempty"`

	// args are the arguments of the command. Absent means the image's.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=8192
	Args []string `json:"args,omitempty"`

	// env is set in the container. Absent sets none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Env []corev1.EnvVar `json:"env,omitempty"`

	// envFrom are Secrets and ConfigMaps whose keys are variables of the container. Absent adds none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// resources are the container's resources, without devices. Absent means Kubernetes' defaults.
	//
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// volumeMounts mount the spec's volumes, and the platform's nufi-model-cache and nufi-shm.
	// Absent mounts none.
	//
	// +optional
	// +listType=map
	// +listMapKey=mountPath
	// +kubebuilder:validation:MaxItems=64
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`

	// securityContext overrides policy's, up to the Pod Security level that policy allows. Absent
	// means policy's.
	//
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}
