package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/internal/cluster"
)

// TestControlPlane takes one cluster through start, outage, stop and restart, because each
// start takes seconds.
func TestControlPlane(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is not started with -short")
	}
	crds, err := filepath.Glob("../../devcluster/crds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	options := cluster.Options{
		Dir: filepath.Join(t.TempDir(), "cluster"), Assets: assets(t), CRDs: crds,
		Run: []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.KWOK},
	}
	c, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() }) //nolint:errcheck // For a test that fails early.
	client := kubernetes.NewForConfigOrDie(c.RESTConfig())
	pids := c.PIDs()

	t.Run("a pod gets a device of a simulated node and becomes ready", func(t *testing.T) {
		node := cluster.Node{Name: "atom-0", Devices: map[corev1.ResourceName]string{"rebellions.ai/ATOM": "8"}}
		if err := c.AddNodes(t.Context(), node); err != nil {
			t.Fatal(err)
		}
		create(t, client, "first", "8")
		if pod := await(t, client, "first", ready); pod.Spec.NodeName != node.Name {
			t.Errorf("the pod is on %q, want %q", pod.Spec.NodeName, node.Name)
		}
	})
	t.Run("a pod without a free device stays pending until one is released", func(t *testing.T) {
		create(t, client, "second", "1")
		await(t, client, "second", unschedulable)
		if err := client.CoreV1().Pods("default").Delete(t.Context(), "first", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		await(t, client, "second", ready)
	})
	t.Run("a gateway accepts each generation of an HTTPRoute", func(t *testing.T) {
		for generation, host := range []string{"a.example", "b.example"} {
			manifest := filepath.Join(t.TempDir(), "route.yaml")
			if err := os.WriteFile(manifest, fmt.Appendf(nil, route, host), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.Apply(t.Context(), manifest); err != nil {
				t.Fatal(err)
			}
			for parent := range 2 {
				accepted := fmt.Sprintf("jsonpath={.status.parents[%d].conditions[0].observedGeneration}=%d", parent, generation+1)
				if _, err := c.Kubectl(t.Context(), "wait", "--for="+accepted, "--timeout=10s", "httproute/model"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	t.Run("the API server restarts with its data", func(t *testing.T) {
		if err := c.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err == nil {
			t.Fatal("the stopped API server responds")
		}
		if err := c.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, client, "second", ready)
		create(t, client, "third", "1")
		await(t, client, "third", ready)
		pids = append(pids, c.PIDs()...)
	})
	t.Run("a second cluster in the directory is rejected", func(t *testing.T) {
		if _, err := cluster.Start(t.Context(), options); !errors.Is(err, cluster.ErrRunning) {
			t.Errorf("error is %v, want %v", err, cluster.ErrRunning)
		}
	})
	t.Run("Stop leaves no process", func(t *testing.T) {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("process %d still exists: %v", pid, err)
			}
		}
	})
	t.Run("the data persists across a restart", func(t *testing.T) { testRestart(t, options) })
}

// route is an HTTPRoute with two gateways, one of them in another namespace.
const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: model, namespace: default}
spec:
  hostnames: [%s]
  parentRefs: [{name: inner}, {name: outer, namespace: gateways}]
`

// testRestart starts the cluster again, uses it, kills a component, and stops it.
func testRestart(t *testing.T, options cluster.Options) {
	t.Helper()
	c, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(c.RESTConfig())
	await(t, client, "third", ready)
	create(t, client, "fourth", "1")
	await(t, client, "fourth", ready)
	pids := c.PIDs()
	if err := syscall.Kill(pids[len(pids)-1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Wait(ctx); err == nil || !strings.Contains(err.Error(), "kwok exited") {
		t.Errorf("error is %v, want the exit of kwok", err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

func assets(t *testing.T) string {
	t.Helper()
	builder, err := cluster.NewBuilder(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := builder.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func create(t *testing.T, client kubernetes.Interface, name, devices string) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "server", Image: "example.com/server",
			Resources: corev1.ResourceRequirements{
				Limits: corev1.ResourceList{"rebellions.ai/ATOM": resource.MustParse(devices)},
			},
		}}},
	}
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// await returns the pod when the condition holds. On a timeout the test fails with the
// pod's status.
func await(t *testing.T, client kubernetes.Interface, name string, condition func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var pod *corev1.Pod
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		pod, err = client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		return err == nil && condition(pod), err
	})
	if err != nil {
		t.Fatalf("waiting for pod %s: %v, its status: %v", name, err, pod.Status)
	}
	return pod
}

func ready(pod *corev1.Pod) bool {
	return hasCondition(pod, corev1.PodReady, corev1.ConditionTrue) && pod.Status.PodIP != ""
}

func unschedulable(pod *corev1.Pod) bool {
	return hasCondition(pod, corev1.PodScheduled, corev1.ConditionFalse)
}

func hasCondition(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}
