#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a pod of higher priority does not get the devices of a lower one if they come from dynamic resource allocation.
#
# Expected: an extended resource, such as example.com/npu: 2 in the limits of a container, is scheduled alike whether a device plugin or, by a DeviceClass
# with extendedResourceName, a DRA driver provides the devices: this is what the field is for. If none is free, a pod of
# higher priority preempts one of lower priority.
# Observed: with a device plugin the lower pod is evicted. With DRA "Preemption is not helpful for scheduling": the higher one stays pending. A platform
# that moves from a device plugin to a DRA driver, without a change of any pod, loses its priorities.
#
# The program runs Kubernetes' scheduler with client-go's fake client. It compiles the scheduler, which takes minutes where it is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n' > go.mod
# Kubernetes requires its own modules in v0.0.0, for its workspace.
go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' | xargs cat |
  sed -n 's/^\t\(k8s.io[^ ]*\) v0\.0\.0$/\1/p' | while read -r module; do go mod edit -require="$module@v0.37.2"; done
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	dra "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
	testclient "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/profile"
)

const npu, node, driver = "example.com/npu", "a", "npu.example.com"

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// provided returns a node with two devices, of a device plugin or of a DRA driver.
func provided(byDRA bool) []runtime.Object {
	resources := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("9")}
	objects := []runtime.Object{&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node}, Status: corev1.NodeStatus{Capacity: resources, Allocatable: resources},
	}}
	if !byDRA {
		resources[npu] = resource.MustParse("2")
		return objects
	}
	name, onNode := npu, node
	selector := dra.DeviceSelector{CEL: &dra.CELDeviceSelector{Expression: `device.driver == "` + driver + `"`}}
	return append(objects,
		&dra.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: driver}, Spec: dra.DeviceClassSpec{ExtendedResourceName: &name, Selectors: []dra.DeviceSelector{selector}}},
		&dra.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: dra.ResourceSliceSpec{
			Driver: driver, NodeName: &onNode, Pool: dra.ResourcePool{Name: node, ResourceSliceCount: 1}, Devices: []dra.Device{{Name: "0"}, {Name: "1"}},
		}})
}

// cluster is a fake API server that also names claims, versions them, and binds pods.
func cluster(objects []runtime.Object) *fake.Clientset {
	client, version := fake.NewClientset(objects...), atomic.Int64{}
	client.PrependReactor("*", "resourceclaims", func(action testclient.Action) (bool, runtime.Object, error) {
		if write, ok := action.(interface{ GetObject() runtime.Object }); ok {
			claim := write.GetObject().(*dra.ResourceClaim)
			claim.ResourceVersion = fmt.Sprint(version.Add(1))
			if claim.Name == "" {
				claim.Name = claim.GenerateName + claim.ResourceVersion
				claim.UID = types.UID(claim.Name)
			}
		}
		return false, nil, nil
	})
	client.PrependReactor("create", "pods", func(action testclient.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "binding" {
			return false, nil, nil
		}
		binding := action.(testclient.CreateAction).GetObject().(*corev1.Binding)
		pods := corev1.SchemeGroupVersion.WithResource("pods")
		pod := must(client.Tracker().Get(pods, binding.Namespace, binding.Name)).(*corev1.Pod).DeepCopy()
		pod.Spec.NodeName = binding.Target.Name
		return true, binding, client.Tracker().Update(pods, pod, binding.Namespace)
	})
	return client
}

func pod(name string, priority int32) *corev1.Pod {
	devices := corev1.ResourceList{npu: resource.MustParse("2")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
		Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Priority: &priority, Containers: []corev1.Container{{
			Name: "server", Resources: corev1.ResourceRequirements{Requests: devices, Limits: devices},
		}}},
	}
}

func preempts(byDRA bool) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := cluster(provided(byDRA))
	informers := scheduler.NewInformerFactory(client, 0, nil)
	recorder := profile.NewRecorderFactory(events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()}))
	running := must(scheduler.New(ctx, client, informers, nil, recorder))
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	must(0, running.WaitForHandlersSync(ctx))
	go running.Run(ctx)

	pods := client.CoreV1().Pods("default")
	poll := func(condition func() bool) {
		must(0, wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return condition(), nil }))
	}
	must(pods.Create(ctx, pod("low", 1), metav1.CreateOptions{}))
	poll(func() bool { return must(pods.Get(ctx, "low", metav1.GetOptions{})).Spec.NodeName == node })
	must(pods.Create(ctx, pod("high", 2), metav1.CreateOptions{}))
	evicted := false
	poll(func() bool {
		_, err := pods.Get(ctx, "low", metav1.GetOptions{})
		evicted = apierrors.IsNotFound(err)
		conditions := must(pods.Get(ctx, "high", metav1.GetOptions{})).Status.Conditions
		return evicted || len(conditions) > 0 && strings.Contains(conditions[0].Message, "Preemption is not helpful")
	})
	return evicted
}

func main() {
	fmt.Println("devices of a device plugin: the lower pod is evicted:", preempts(false))
	fmt.Println("devices of a DRA driver: the lower pod is evicted:", preempts(true))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
devices of a device plugin: the lower pod is evicted: true
devices of a DRA driver: the lower pod is evicted: false
OUT
echo 'as described'
