package kubelet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPreemptionFreesDevices(t *testing.T) {
	c := startCluster(t)
	f, h := newFolder(t), newHost(t, 4)
	k := startKubelet(t, f)
	startPlugin(t, h, f, "--kubeconfig", c.kubeconfig).awaitReady()
	k.awaitCapacity(4, 4)
	startAgent(t, k, c, "npu-node-1")
	c.createPriority(t, "batch", 10)
	c.createPriority(t, "online", 1000)

	batch := c.createPod(t, "batch", 2)
	other := c.createPod(t, "batch", 2)
	c.awaitRunning(t, batch)
	c.awaitRunning(t, other)

	started := time.Now()
	online := c.createPod(t, "online", 2)
	c.awaitRunning(t, online)
	t.Logf("the urgent pod runs after %s", time.Since(started).Round(time.Millisecond))

	if got := k.devicesOf(c.get(t, online)); len(got) != 2 {
		t.Errorf("the pod holds %v", got)
	}
	left := 0
	for _, name := range []string{batch, other} {
		if _, err := c.CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{}); err == nil {
			left++
		} else if !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	if left != 1 {
		t.Errorf("%d of the two others are left, want the one that was not needed", left)
	}
}

func (c cluster) createPriority(t *testing.T, name string, value int32) {
	t.Helper()
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
	if _, err := c.SchedulingV1().PriorityClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// createPod creates a pod for the node, and returns its name.
func (c cluster) createPod(t *testing.T, priority string, devices int64) string {
	t.Helper()
	pod := newPod("", devices)
	pod.ObjectMeta = metav1.ObjectMeta{GenerateName: priority + "-", Namespace: "default"}
	pod.Spec.PriorityClassName = priority
	pod.Spec.NodeSelector = map[string]string{v1.LabelHostname: "npu-node-1"}
	pod.Spec.Containers[0].Image = "example.com/server"
	created, err := c.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created.Name
}

func (c cluster) awaitRunning(t *testing.T, name string) {
	t.Helper()
	eventually(t, timeout, func() error {
		pod := c.get(t, name)
		if pod.Status.Phase != v1.PodRunning {
			return fmt.Errorf("pod %s is %s: %s %s", name, pod.Status.Phase, pod.Status.Message, conditions(pod))
		}
		return nil
	})
}

func (c cluster) get(t *testing.T, name string) *v1.Pod {
	t.Helper()
	pod, err := c.CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func conditions(pod *v1.Pod) string {
	var all []string
	for _, condition := range pod.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s: %s", condition.Type, condition.Status, condition.Message))
	}
	return strings.Join(all, "; ")
}
