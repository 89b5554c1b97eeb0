package v1

import corev1 "k8s.io/api/core/v1"

// EndpointKind is the kind of the route.
//
// +kubebuilder:validation:Enum=VirtualService;Ingress;HTTPRoute;InferencePool;None
type EndpointKind string

// The kinds of route.
const (
	// EndpointVirtualService is networking.istio.io/v1 VirtualService.
	EndpointVirtualService EndpointKind = "VirtualService"
	// EndpointIngress is networking.k8s.io/v1 Ingress.
	EndpointIngress EndpointKind = "Ingress"
	// EndpointHTTPRoute is gateway.networking.k8s.io/v1 HTTPRoute.
	EndpointHTTPRoute EndpointKind = "HTTPRoute"
	// EndpointInferencePool is inference.networking.k8s.io/v1 InferencePool, to which an HTTPRoute sends
	// requests. An endpoint picker chooses the pod of each request.
	EndpointInferencePool EndpointKind = "InferencePool"
	// EndpointNone means no route.
	EndpointNone EndpointKind = "None"
)

// Endpoint is the address of the server outside the cluster.
//
// +kubebuilder:validation:XValidation:rule="!has(self.kind) || self.kind != 'None' || !(has(self.host) || has(self.path) || has(self.gateway) || has(self.traffic))",message="kind None creates no route: remove host, path, gateway and traffic, or choose another kind"
type Endpoint struct {
	// kind is the kind of the route. Absent means policy's.
	//
	// +optional
	Kind EndpointKind `json:"kind,omitempty"`

	// gateway is the gateway of the route: namespace/name, or name in the same namespace. For an
	// Ingress it is the name of the class. Absent means policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Gateway string `json:"gateway,omitempty"`

	// host is the DNS name that clients use. Absent means NAME.NAMESPACE.DOMAIN with policy's
	// domain. The oldest NpuDeploy with a host and path owns it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`
	Host string `json:"host,omitempty"`

	// path is the path prefix of the server. It matches whole elements: /a matches /a and /a/b,
	// not /ab. Absent means all paths.
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`
	Path string `json:"path,omitempty"`

	// tlsSecretName is the Secret with the certificate of an Ingress. A gateway has its own. Absent
	// means the controller's default certificate.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	TLSSecretName string `json:"tlsSecretName,omitempty"`

	// traffic divides the requests among several NpuDeploys, with a VirtualService or an HTTPRoute.
	// Absent means that this one gets all requests.
	//
	// +optional
	Traffic *Traffic `json:"traffic,omitempty"`
}

// Service is the Service of the server.
type Service struct {
	// type is the Service's type. Absent means ClusterIP.
	//
	// +optional
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	Type corev1.ServiceType `json:"type,omitempty"`

	// port is the port of the server's HTTP endpoint. Absent means 80.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`

	// annotations are added to the Service's annotations. Absent adds none.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.startsWith('dudaji.com/'))",message="annotations below dudaji.com/ are the platform's own"
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 317 && key.matches('(?i)^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key is a name of letters and digits, with - _ and . inside, at most 63 characters, and may have a DNS name and a slash before it"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// Port is another port of the server.
type Port struct {
	// name is the port's name, in the container and the Service. It differs from http, the name of
	// the inference port.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:Pattern=`^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$`
	Name string `json:"name"`

	// containerPort is the port's number, in the container and the Service.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ContainerPort int32 `json:"containerPort"`

	// protocol is the port's protocol. Absent means TCP.
	//
	// +optional
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol corev1.Protocol `json:"protocol,omitempty"`
}

// ModelCacheKind is the kind of volume behind the model cache.
//
// +kubebuilder:validation:Enum=HostPath;PersistentVolumeClaim;EmptyDir;None
type ModelCacheKind string

// The kinds of model cache.
const (
	// ModelCacheHostPath keeps models on the node.
	ModelCacheHostPath ModelCacheKind = "HostPath"
	// ModelCachePersistentVolumeClaim keeps models in an existing claim.
	ModelCachePersistentVolumeClaim ModelCacheKind = "PersistentVolumeClaim"
	// ModelCacheEmptyDir deletes models with the pod.
	ModelCacheEmptyDir ModelCacheKind = "EmptyDir"
	// ModelCacheNone mounts nothing.
	ModelCacheNone ModelCacheKind = "None"
)

// ModelCache is the volume for weights and compiled models.
//
// +kubebuilder:validation:XValidation:rule="!has(self.claimName) || !has(self.kind) || self.kind == 'PersistentVolumeClaim'",message="claimName goes with kind PersistentVolumeClaim"
// +kubebuilder:validation:XValidation:rule="!has(self.hostPath) || !has(self.kind) || self.kind == 'HostPath'",message="hostPath goes with kind HostPath"
// +kubebuilder:validation:XValidation:rule="!(has(self.hostPath) && has(self.claimName))",message="hostPath and claimName exclude each other"
type ModelCache struct {
	// kind is the kind of volume. Absent means the kind that claimName or hostPath implies, or
	// policy's.
	//
	// +optional
	Kind ModelCacheKind `json:"kind,omitempty"`

	// claimName is a PersistentVolumeClaim of the same namespace. Absent means
	// policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	ClaimName string `json:"claimName,omitempty"`

	// hostPath is a directory on the node, below a prefix that policy allows. Absent means
	// policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`
	HostPath string `json:"hostPath,omitempty"`

	// mountPath is the cache's path in the container. Absent means policy's.
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`
	MountPath string `json:"mountPath,omitempty"`
}
