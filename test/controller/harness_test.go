// Package controller_test runs the whole controller against a real API server.
package controller_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/cluster"
	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/controller/subject"
	"github.com/dudaji/nufi/test/env"
)

var (
	control = env.New(env.Workloads(), env.Routes())
	shared  subjectOnce
)

// subjectOnce is the controller that all tests of this package share.
type subjectOnce struct {
	once    sync.Once
	running *subject.Subject
}

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// patience is how long a test waits for what the controller does; soon is what it
// promises.
const (
	patience = time.Minute
	soon     = 2 * time.Second
)

var (
	service        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	serviceAccount = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	deployment     = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	virtualService = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
)

// room is a namespace with a controller at work.
type room struct {
	*testing.T
	*subject.Subject
	client    client.Client
	namespace string
}

func newRoom(t *testing.T) *room {
	t.Helper()
	t.Parallel()
	config := control.Config(t)
	known := runtime.NewScheme()
	if err := scheme.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	if err := v1.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	made, err := client.New(config, client.Options{Scheme: known})
	if err != nil {
		t.Fatal(err)
	}
	shared.once.Do(func() {
		for i := range 16 {
			control.Nodes(t, cluster.Node{
				Name: fmt.Sprintf("npu-%d", i), Devices: map[corev1.ResourceName]string{"rebellions.ai/ATOM": "40"},
			})
		}
		options := controller.Options{}
		if os.Getenv("NUFI_TEST_LOG") != "" {
			options.Log = subject.Log(func(line string) { _, _ = os.Stderr.WriteString(line + "\n") })
		}
		shared.running = subject.Start(t, config, options)
	})
	return &room{T: t, Subject: shared.running, client: made, namespace: control.Namespace(t)}
}

const aDeploy = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web, namespace: NAMESPACE}
spec:
  model: org/model
  accelerator: {type: atom, count: 1}
  inferenceServer: {replicas: 1}
  endpoint: {host: web.NAMESPACE.example, kind: VirtualService}
`

// with is aDeploy with parts replaced.
func with(oldNew ...string) string {
	changed := strings.NewReplacer(oldNew...).Replace(aDeploy)
	if changed == aDeploy {
		panic("the manifest does not have " + oldNew[0])
	}
	return changed
}

// user applies a manifest as kubectl does.
func (r *room) user(manifest string) {
	r.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(manifest, "NAMESPACE", r.namespace)), &object.Object); err != nil {
		r.Fatal(err)
	}
	err := r.client.Apply(r.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership)
	if err != nil {
		r.Fatal(err)
	}
}

func (r *room) deploy(name string) *v1.NpuDeploy {
	r.Helper()
	deploy := &v1.NpuDeploy{}
	if err := r.client.Get(r.Context(), types.NamespacedName{Namespace: r.namespace, Name: name}, deploy); err != nil {
		r.Fatal(err)
	}
	return deploy
}

// awaitReason waits for a condition of this generation to have a reason.
func (r *room) awaitReason(name, kind, reason string) metav1.Condition {
	r.Helper()
	var last *metav1.Condition
	r.await(name+": "+kind+" for the reason "+reason, func() bool {
		deploy := r.deploy(name)
		last = meta.FindStatusCondition(deploy.Status.Conditions, kind)
		return last != nil && last.Reason == reason && last.ObservedGeneration == deploy.Generation
	}, func() any { return r.deploy(name).Status.Conditions })
	return *last
}

// settle waits until web is ready, and the controller has nothing more to do.
func (r *room) settle() {
	r.Helper()
	r.awaitReason("web", v1.ConditionReady, v1.ReasonReady)
	r.Quiet(r, r.namespace, 500*time.Millisecond)
}

func (r *room) await(what string, is func() bool, state func() any) {
	r.Helper()
	err := wait.PollUntilContextTimeout(r.Context(), 10*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		r.Fatalf("waiting for %s: %v: %v", what, err, state())
	}
}

// find returns an object named web, or nil.
func (r *room) find(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	r.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	err := r.client.Get(r.Context(), types.NamespacedName{Namespace: r.namespace, Name: name}, object)
	if client.IgnoreNotFound(err) != nil {
		r.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return object
}

// patch changes an object as another user would.
func (r *room) patch(kind schema.GroupVersionKind, mergePatch string) {
	r.Helper()
	object := r.find(kind, "web")
	if err := r.client.Patch(r.Context(), object, client.RawPatch(types.MergePatchType, []byte(mergePatch)),
		client.FieldOwner("gitops")); err != nil {
		r.Fatal(err)
	}
}
