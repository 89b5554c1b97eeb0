package kubelet

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	cadvisorapi "github.com/google/cadvisor/lib/model"
	"google.golang.org/grpc"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	podresourcesv1 "k8s.io/kubelet/pkg/apis/podresources/v1"
	"k8s.io/kubernetes/pkg/kubelet/apis/podresources"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	"k8s.io/kubernetes/pkg/kubelet/config"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
)

// newManagerImpl is the device manager's constructor with a parameter for the socket's path. The
// exported one uses the path of a real node.
//
//go:linkname newManagerImpl k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func newManagerImpl(logger klog.Logger, socketPath string, topology []cadvisorapi.Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)

// folder is the folder of a node's kubelets, of which one runs at a time.
type folder string

// newFolder returns a folder with a short path: a socket's path has at most 107 bytes.
func newFolder(t *testing.T) folder {
	t.Helper()
	dir, err := os.MkdirTemp("", "kubelet-") //nolint:usetesting // its path holds the test's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return folder(dir)
}

func (f folder) plugins() string      { return filepath.Join(string(f), "plugins") }
func (f folder) podResources() string { return filepath.Join(string(f), "pod-resources.sock") }

// kubelet is the part of a kubelet that manages devices: the device manager, a topology manager with
// the policy single-numa-node, and the pod-resources API.
type kubelet struct {
	t        *testing.T
	devices  *devicemanager.ManagerImpl
	topology topologymanager.Manager
	server   *grpc.Server
	stopped  sync.Once

	mu   sync.Mutex
	pods []*v1.Pod
}

// startKubelet starts a kubelet with running pods, until the end of the test.
func startKubelet(t *testing.T, f folder, pods ...*v1.Pod) *kubelet {
	t.Helper()
	numa := []cadvisorapi.Node{{Id: 0, Cores: []cadvisorapi.Core{{Id: 0}}}, {Id: 1, Cores: []cadvisorapi.Core{{Id: 1}}}}
	k := &kubelet{t: t, pods: pods}
	var err error
	k.topology, err = topologymanager.NewManager(klog.Background(), numa, topologymanager.PolicySingleNumaNode, topologymanager.ContainerTopologyScope, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.devices, err = newManagerImpl(klog.Background(), filepath.Join(f.plugins(), "kubelet.sock"), numa, k.topology)
	if err != nil {
		t.Fatal(err)
	}
	k.topology.AddHintProvider(klog.Background(), k.devices)
	ready := config.NewSourcesReady(func(sets.Set[string]) bool { return true })
	err = k.devices.Start(klog.Background(), k.activePods, ready, containermap.NewContainerMap(), sets.New[string]())
	if err != nil {
		t.Fatal(err)
	}
	k.servePodResources(f.podResources())
	t.Cleanup(k.stop)
	return k
}

func (k *kubelet) stop() {
	k.stopped.Do(func() {
		k.server.Stop()
		if err := k.devices.Stop(klog.Background()); err != nil {
			k.t.Error(err)
		}
	})
}

func (k *kubelet) servePodResources(socket string) {
	k.t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		k.t.Fatal(err)
	}
	k.server = grpc.NewServer()
	podresourcesv1.RegisterPodResourcesListerServer(k.server, podresources.NewV1PodResourcesServer(
		context.Background(), podresources.PodResourcesProviders{
			Pods: podsOf{k}, Devices: devicesOf{k.devices}, Cpus: nothing{}, Memory: nothing{}, DynamicResources: nothing{},
		}))
	go func() { _ = k.server.Serve(listener) }()
}

// awaitCapacity waits until the node has this capacity and allocatable number of devices.
func (k *kubelet) awaitCapacity(capacity, allocatable int64) {
	k.t.Helper()
	eventually(k.t, timeout, func() error {
		if c, a := k.capacity(); c != capacity || a != allocatable {
			return fmt.Errorf("capacity %d, allocatable %d, want %d and %d", c, a, capacity, allocatable)
		}
		return nil
	})
}

func (k *kubelet) capacity() (capacity, allocatable int64) {
	c, a, _ := k.devices.GetCapacity(klog.Background())
	total, free := c[resourceName], a[resourceName]
	return total.Value(), free.Value()
}

// lowest observes the allocatable devices until it is stopped, and returns their lowest number.
func (k *kubelet) lowest() (stop func() int64) {
	end, done := make(chan struct{}), make(chan int64)
	_, least := k.capacity()
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				done <- least
				return
			case <-tick.C:
				_, now := k.capacity()
				least = min(least, now)
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-done
	}
}

// admit runs the kubelet's admission of a pod, and adds the pod if it is admitted.
func (k *kubelet) admit(ctx context.Context, pod *v1.Pod) lifecycle.PodAdmitResult {
	k.add(pod)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result := k.topology.Admit(ctx, &lifecycle.PodAdmitAttributes{Pod: pod, Operation: lifecycle.AddOperation})
	if !result.Admit {
		k.remove(pod)
	}
	return result
}

// mustAdmit admits a pod and returns its devices.
func (k *kubelet) mustAdmit(pod *v1.Pod) []string {
	k.t.Helper()
	if result := k.admit(k.t.Context(), pod); !result.Admit {
		k.t.Fatalf("pod %s was not admitted: %s", pod.Name, result.Message)
	}
	return k.devicesOf(pod)
}

func (k *kubelet) devicesOf(pod *v1.Pod) []string {
	var ids []string
	for id := range k.devices.GetDevices(string(pod.UID), pod.Spec.Containers[0].Name)[resourceName] {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// containerOptions returns the kubelet's options for the pod's container.
func (k *kubelet) containerOptions(ctx context.Context, pod *v1.Pod) (*devicemanager.DeviceRunContainerOptions, error) {
	return k.devices.GetDeviceRunContainerOptions(ctx, pod, &pod.Spec.Containers[0])
}

func (k *kubelet) add(pod *v1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods = append(k.pods, pod)
}

// remove removes a terminated pod. Its devices are free at the next admission.
func (k *kubelet) remove(pod *v1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods = slices.DeleteFunc(slices.Clone(k.pods), func(p *v1.Pod) bool { return p.UID == pod.UID })
}

func (k *kubelet) activePods() []*v1.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.pods)
}

func newPod(name string, devices int64) *v1.Pod {
	amount := v1.ResourceList{resourceName: *resource.NewQuantity(devices, resource.DecimalSI)}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ml", UID: types.UID("uid-" + name)},
		Spec: v1.PodSpec{Containers: []v1.Container{{
			Name: "server", Resources: v1.ResourceRequirements{Limits: amount, Requests: amount},
		}}},
	}
}

// podsOf, devicesOf and nothing are the providers of the pod-resources server.
type podsOf struct{ *kubelet }

func (p podsOf) GetActivePods() []*v1.Pod { return p.activePods() }
func (p podsOf) GetPods() []*v1.Pod       { return p.activePods() }
func (p podsOf) GetPodByName(namespace, name string) (*v1.Pod, bool) {
	for _, pod := range p.activePods() {
		if pod.Namespace == namespace && pod.Name == name {
			return pod, true
		}
	}
	return nil, false
}

type devicesOf struct{ *devicemanager.ManagerImpl }

func (d devicesOf) GetDevices(podUID, container string) []*podresourcesv1.ContainerDevices {
	return containerDevices(d.ManagerImpl.GetDevices(podUID, container))
}

func (d devicesOf) GetAllocatableDevices(logger klog.Logger) []*podresourcesv1.ContainerDevices {
	return containerDevices(d.ManagerImpl.GetAllocatableDevices(logger))
}

func containerDevices(instances devicemanager.ResourceDeviceInstances) []*podresourcesv1.ContainerDevices {
	var devices []*podresourcesv1.ContainerDevices
	for name, of := range instances {
		for id := range of {
			devices = append(devices, &podresourcesv1.ContainerDevices{ResourceName: name, DeviceIds: []string{id}})
		}
	}
	return devices
}

type nothing struct{}

func (nothing) GetCPUs(*v1.Pod, *v1.Container) []int64 { return nil }
func (nothing) GetPodCPUs(string) []int64              { return nil }
func (nothing) GetAllocatableCPUs() []int64            { return nil }
func (nothing) GetMemory(klog.Logger, *v1.Pod, *v1.Container) []*podresourcesv1.ContainerMemory {
	return nil
}
func (nothing) GetPodMemory(klog.Logger, string) []*podresourcesv1.ContainerMemory { return nil }
func (nothing) GetAllocatableMemory(klog.Logger) []*podresourcesv1.ContainerMemory { return nil }
func (nothing) GetDynamicResources(klog.Logger, *v1.Pod, *v1.Container) []*podresourcesv1.DynamicResource {
	return nil
}
