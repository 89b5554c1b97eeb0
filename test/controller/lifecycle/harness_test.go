// Package lifecycle_test starts and stops the controller, its API server and its
// templates. Its tests run one after the other: each would disturb the others.
package lifecycle_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/controller/subject"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New(env.ControllerManager())

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == templates.ValidateCommand {
		os.Exit(templates.ValidateMain(os.Stdin, os.Stdout))
	}
	os.Exit(control.Run(m))
}

const patience = 90 * time.Second

var (
	service        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	virtualService = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
)

const aDeploy = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: web, namespace: NAMESPACE}
spec:
  model: org/model
  accelerator: {type: atom, count: 1}
  inferenceServer: {replicas: 1}
`

// scene is a namespace with a user in it.
type scene struct {
	*testing.T
	client    client.Client
	namespace string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	known := runtime.NewScheme()
	if err := v1.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	made, err := client.New(control.Config(t), client.Options{Scheme: known})
	if err != nil {
		t.Fatal(err)
	}
	return &scene{T: t, client: made, namespace: control.Namespace(t)}
}

// controller starts one, and stops it with the test unless that did.
func (s *scene) controller(options controller.Options) *subject.Subject {
	s.Helper()
	running := subject.Start(s, control.Config(s.T), options)
	s.Cleanup(func() { s.stop(running) })
	return running
}

func (s *scene) stop(running *subject.Subject) {
	s.Helper()
	if err := running.Stop(); err != nil {
		s.Error("stopping the controller: ", err)
	}
}

func (s *scene) user(manifest string) {
	s.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(manifest, "NAMESPACE", s.namespace)), &object.Object); err != nil {
		s.Fatal(err)
	}
	err := s.client.Apply(s.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership)
	if err != nil {
		s.Fatal(err)
	}
}

// deploy reads web; an API server that is down is waited for.
func (s *scene) deploy() *v1.NpuDeploy {
	s.Helper()
	deploy := &v1.NpuDeploy{}
	if err := s.client.Get(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: "web"}, deploy); err != nil {
		return &v1.NpuDeploy{}
	}
	return deploy
}

func (s *scene) awaitReason(kind, reason string) metav1.Condition {
	s.Helper()
	var found metav1.Condition
	s.await(kind+" for the reason "+reason, func() bool {
		deploy := s.deploy()
		condition := meta.FindStatusCondition(deploy.Status.Conditions, kind)
		if condition == nil || condition.Reason != reason || condition.ObservedGeneration != deploy.Generation {
			return false
		}
		found = *condition
		return true
	})
	return found
}

func (s *scene) await(what string, is func() bool) {
	s.Helper()
	err := wait.PollUntilContextTimeout(s.Context(), 20*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		s.Fatalf("waiting for %s: %v: %v", what, err, s.deploy().Status)
	}
}

func (s *scene) find(kind schema.GroupVersionKind) *unstructured.Unstructured {
	s.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := s.client.Get(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: "web"}, object); err != nil {
		return nil
	}
	return object
}
