// Package project_test runs the controller on Projects in a real API server.
package project_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) { harness.Main(m, harness.ControllerManager(), harness.Routes()) }

var (
	namespace     = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	quota         = schema.GroupVersionKind{Version: "v1", Kind: "ResourceQuota"}
	limitRange    = schema.GroupVersionKind{Version: "v1", Kind: "LimitRange"}
	networkPolicy = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	roleBinding   = schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}
	deployment    = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	route         = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}

	shared controllertest.Shared
)

// fixture is a running controller and the name of a Project that no other test has.
type fixture struct {
	*harness.Harness
	*controllertest.Controller

	name string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	h := harness.New(t, harness.ReserveNamespace())
	h.Install("bundle/admission/project_hosts.yaml", "bundle/admission/token_secrets.yaml")
	return &fixture{Harness: h, Controller: shared.Start(h), name: h.Namespace}
}

// project returns the key of the Project.
func (f *fixture) project() *v1.Project {
	return &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: f.name}}
}

func (f *fixture) status() v1.ProjectStatus {
	f.Helper()
	project := f.project()
	f.Get(project)
	return project.Status
}

// apply applies a spec, in one line.
func (f *fixture) apply(spec string) {
	f.Helper()
	f.Apply("{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: " + f.name + "}, spec: " + spec + "}")
}

// applyReady applies a spec and waits until the Project is ready.
func (f *fixture) applyReady(spec string) {
	f.Helper()
	f.apply(spec)
	f.AwaitCondition(f.project(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
}

// child returns one of the Project's objects, or nil.
func (f *fixture) child(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	f.Helper()
	if kind == namespace {
		name = f.name
	}
	return f.Find(kind, name)
}

// field returns what a child has at a path, or nil.
func (f *fixture) field(kind schema.GroupVersionKind, name string, path ...string) any {
	f.Helper()
	object := f.child(kind, name)
	if object == nil {
		return nil
	}
	value, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	f.Must(err)
	return value
}
