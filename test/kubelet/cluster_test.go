package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// compilation bounds the start of a control plane that is compiled first, once on each machine.
const compilation = 20 * time.Minute

// cluster is the control plane of `nufi up`: etcd, API server, controller-manager and
// scheduler.
type cluster struct {
	kubernetes.Interface
	kubeconfig string
}

func startCluster(t *testing.T) cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("a control plane is not started with -short")
	}
	dir := t.TempDir()
	nufi := filepath.Join(dir, "nufi")
	build := exec.Command("go", "build", "-o", nufi, "./cmd/nufi")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building nufi: %v\n%s", err, out)
	}
	up := exec.Command(nufi, "up", "--no-controller", "--no-apiserver", "--no-examples", "--dir", filepath.Join(dir, "up"))
	up.Dir = repository
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- up.Wait() }()
	t.Cleanup(func() {
		_ = up.Process.Signal(syscall.SIGINT) // it may have ended already
		if err := <-ended; err != nil {
			t.Logf("nufi up ended with %v", err)
		}
	})
	c := cluster{kubeconfig: filepath.Join(dir, "up", "kubeconfig")}
	eventually(t, compilation, func() error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the control plane ended: %v", err)
		default:
		}
		return c.connect(t.Context())
	})
	return c
}

func (c *cluster) connect(ctx context.Context) error {
	if _, err := os.Stat(c.kubeconfig); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return err
	}
	if c.Interface, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	_, err = c.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

// agent does the work of a kubelet around its device manager: it updates the status of the node and
// of pods.
type agent struct {
	*kubelet
	cluster
	name string
	seen map[string]bool
}

// startAgent adds a kubelet to a cluster as a node until the end of the test.
func startAgent(t *testing.T, k *kubelet, c cluster, name string) {
	t.Helper()
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}}}
	if _, err := c.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, done := &agent{kubelet: k, cluster: c, name: name, seen: map[string]bool{}}, make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := a.sync(ctx); err != nil && ctx.Err() == nil {
					t.Log("the node's agent:", err)
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (a *agent) sync(ctx context.Context) error {
	if err := a.syncNode(ctx); err != nil {
		return err
	}
	pods, err := a.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + a.name})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		if err := a.syncPod(ctx, &pods.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) syncNode(ctx context.Context) error {
	node, err := a.CoreV1().Nodes().Get(ctx, a.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	capacity, allocatable := a.capacity()
	if at := node.Status.Allocatable[resourceName]; at.Value() == allocatable && len(node.Status.Conditions) > 0 {
		return nil
	}
	resources := func(devices int64) v1.ResourceList {
		return v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("32"), v1.ResourceMemory: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("110"),
			resourceName: *resource.NewQuantity(devices, resource.DecimalSI),
		}
	}
	node.Status.Capacity, node.Status.Allocatable = resources(capacity), resources(allocatable)
	if len(node.Status.Conditions) == 0 {
		now := metav1.Now()
		node.Status.Conditions = []v1.NodeCondition{{
			Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: now, LastTransitionTime: now,
		}}
	}
	_, err = a.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// syncPod admits a new pod, and ends one with a deletion timestamp.
func (a *agent) syncPod(ctx context.Context, pod *v1.Pod) error {
	if pod.DeletionTimestamp != nil {
		a.remove(pod)
		now := int64(0)
		return a.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	}
	if a.seen[string(pod.UID)] {
		return nil
	}
	a.seen[string(pod.UID)] = true
	pod.Status.Phase = v1.PodRunning
	if result := a.admit(ctx, pod); !result.Admit {
		pod.Status.Phase, pod.Status.Reason, pod.Status.Message = v1.PodFailed, result.Reason, result.Message
	} else if _, err := a.containerOptions(ctx, pod); err != nil {
		return fmt.Errorf("starting the container of %s: %w", pod.Name, err)
	}
	_, err := a.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}
