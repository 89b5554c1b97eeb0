// Package controller_test runs the whole controller against a real API server.
package controller_test

import (
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
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/cluster"
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

// soon is how long the controller promises to take.
const soon = 2 * time.Second

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
	return &room{T: t, Subject: shared.running, client: subject.Client(t, config), namespace: control.Namespace(t)}
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
	subject.Apply(r.T, r.client, strings.ReplaceAll(manifest, "NAMESPACE", r.namespace))
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
	subject.Await(r.T, what, is, state)
}

// find returns an object named web, or nil.
func (r *room) find(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	r.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetNamespace(r.namespace)
	object.SetName(name)
	return subject.Find(r.T, r.client, object)
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
