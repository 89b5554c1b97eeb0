package api_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// ownedFixture is an NpuDeploy with owned objects, which vic may view.
type ownedFixture struct {
	*fixture

	name       string
	admin      kubernetes.Interface
	owner, set metav1.OwnerReference // the NpuDeploy, and the ReplicaSet of pods
}

func newOwned(s *fixture, name string) *ownedFixture {
	s.Helper()
	s.create(name)
	uid, _ := field(s.t, s.do("ann", http.MethodGet, name, "").Want(http.StatusOK), "metadata", "uid").(string)
	k := &ownedFixture{fixture: s, name: name, admin: s.Kubernetes(), owner: ownedBy("dudaji.com/v1", "NpuDeploy", name, types.UID(uid))}
	k.set = k.deployment(name, k.labels())
	return k
}

// deployment creates a Deployment of the NpuDeploy and a ReplicaSet of it, for pods with the labels.
func (k *ownedFixture) deployment(name string, labels map[string]string) (set metav1.OwnerReference) {
	k.Helper()
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: k.spec("")}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	deployment, err := k.admin.AppsV1().Deployments(k.Namespace).Create(k.Context(), &appsv1.Deployment{
		ObjectMeta: k.meta(name, k.owner),
		Spec:       appsv1.DeploymentSpec{Selector: selector, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		k.Fatal(err)
	}
	created := &appsv1.ReplicaSet{
		ObjectMeta: k.meta(name+"-1", ownedBy("apps/v1", "Deployment", name, deployment.UID)),
		Spec:       appsv1.ReplicaSetSpec{Selector: selector, Template: template},
	}
	created.Labels = labels
	if created, err = k.admin.AppsV1().ReplicaSets(k.Namespace).Create(k.Context(), created, metav1.CreateOptions{}); err != nil {
		k.Fatal(err)
	}
	return ownedBy("apps/v1", "ReplicaSet", created.Name, created.UID)
}

// newOwnedFixture returns an NpuDeploy whose workloads vic may view.
func newOwnedFixture(s *fixture) *ownedFixture {
	s.Helper()
	s.bind("vic", "nufi-project-viewer")
	k := newOwned(s, "home")
	s.Await("vic's permissions", func() bool { return k.do("vic", http.MethodGet, "home/pods", "").Status == http.StatusOK })
	return k
}

func ownedBy(version, kind, name string, uid types.UID) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: uid, Controller: &yes}
}

// device returns a resource that no other test uses.
func (k *ownedFixture) device() corev1.ResourceName {
	return corev1.ResourceName("nufi.test/" + k.Namespace)
}

func (k *ownedFixture) labels() map[string]string {
	return map[string]string{"dudaji.com/npudeploy": k.name}
}

func (k *ownedFixture) meta(name string, owner metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: k.labels(), OwnerReferences: []metav1.OwnerReference{owner}}
}

func (k *ownedFixture) spec(node string) corev1.PodSpec {
	return corev1.PodSpec{NodeName: node, Containers: []corev1.Container{
		{Name: "proxy", Image: "example.com/proxy:1"},
		{Name: "server", Image: "example.com/vllm:1", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceMemory: resource.MustParse("4Gi"), k.device(): resource.MustParse("2"),
		}}},
	}}
}

// pod creates a pod, on a node unless it is empty, and writes its status.
func (k *ownedFixture) pod(name, node string, owner metav1.OwnerReference, status corev1.PodStatus) *corev1.Pod {
	k.Helper()
	made, err := k.admin.CoreV1().Pods(k.Namespace).Create(k.Context(),
		&corev1.Pod{ObjectMeta: k.meta(name, owner), Spec: k.spec(node)}, metav1.CreateOptions{})
	if err != nil {
		k.Fatal(err)
	}
	return k.write(made, status)
}

func (k *ownedFixture) write(pod *corev1.Pod, status corev1.PodStatus) *corev1.Pod {
	k.Helper()
	pod = pod.DeepCopy()
	pod.Status = status
	written, err := k.admin.CoreV1().Pods(k.Namespace).UpdateStatus(k.Context(), pod, metav1.UpdateOptions{})
	if err != nil {
		k.Fatal(err)
	}
	return written
}

// node adds a node whose kubelet writes logs by serve. If serve is nil, nothing listens
// there.
func (k *ownedFixture) node(serve http.HandlerFunc) string {
	k.Helper()
	kubelet := httptest.NewTLSServer(serve)
	k.Cleanup(kubelet.Close)
	if serve == nil {
		kubelet.Close()
	}
	_, text, err := net.SplitHostPort(kubelet.Listener.Addr().String())
	if err != nil {
		k.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		k.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-of-" + k.Namespace}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	node.Status.Allocatable = corev1.ResourceList{k.device(): resource.MustParse("8")}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if _, err := k.admin.CoreV1().Nodes().Create(k.Context(), node, metav1.CreateOptions{}); err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		if err := k.admin.CoreV1().Nodes().Delete(context.WithoutCancel(k.Context()), node.Name, metav1.DeleteOptions{}); err != nil {
			k.Error(err)
		}
	})
	k.Await("the node in the cache", func() bool {
		var cached corev1.Node
		err := k.Cache.Reader().Get(k.Context(), types.NamespacedName{Name: node.Name}, &cached)
		return err == nil
	})
	return node.Name
}

func running() corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{
			{Name: "proxy", Ready: true, ContainerID: "test://proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			{Name: "server", Ready: true, ContainerID: "test://1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		},
	}
}

// pulling returns the status of a pod whose image cannot be pulled.
func pulling() corev1.PodStatus {
	status := running()
	status.Phase, status.Conditions[0].Status = corev1.PodPending, corev1.ConditionFalse
	status.ContainerStatuses[1] = corev1.ContainerStatus{Name: "server", Image: "example.com/vllm:1", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such tag"},
	}}
	return status
}

// dead returns the status of a pod whose server has terminated, and was restarted or not.
func dead(code int32, again bool) corev1.PodStatus {
	status := running()
	exit := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", ContainerID: "test://1"}}
	server := &status.ContainerStatuses[1]
	if again {
		server.LastTerminationState, server.ContainerID, server.RestartCount = exit, "test://2", 1
		return status
	}
	server.State, server.Ready = exit, false
	return status
}
