// Package project_test runs the controller, with the rights that bundle/ gives it and no
// others, on Projects in a real API server.
package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/controller/subject"
	"github.com/dudaji/nufi/test/env"
)

var (
	control = env.New(env.ControllerManager(), env.Routes())
	shared  subjectOnce
)

// subjectOnce is the controller that all tests of this package share.
type subjectOnce struct {
	once    sync.Once
	running *subject.Subject
}

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

var (
	namespace     = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	quota         = schema.GroupVersionKind{Version: "v1", Kind: "ResourceQuota"}
	limitRange    = schema.GroupVersionKind{Version: "v1", Kind: "LimitRange"}
	networkPolicy = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	roleBinding   = schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}
)

// room is a project's name, of no other test, with a controller at work.
type room struct {
	*testing.T
	*subject.Subject
	client client.Client
	name   string
}

func newRoom(t *testing.T, name string) *room {
	t.Helper()
	t.Parallel()
	config := control.Config(t)
	shared.once.Do(func() {
		install(t)
		shared.running = subject.Start(t, asController(config), controller.Options{})
	})
	return &room{T: t, Subject: shared.running, client: subject.Client(t, config), name: name + "-" + rand.String(5)}
}

// install gives the controller's account its rights.
func install(t *testing.T) {
	t.Helper()
	running := control.Cluster(t)
	for _, file := range []string{"namespace.yaml", "rbac/service_account.yaml", "rbac/role.yaml", "rbac/role_binding.yaml", "rbac/project_roles.yaml", "admission/project_hosts.yaml"} {
		if err := running.Apply(t.Context(), filepath.Join("..", "..", "bundle", file)); err != nil {
			t.Fatal(err)
		}
	}
}

func asController(config *rest.Config) *rest.Config {
	const account = "system:serviceaccount:nufi-system:nufi-controller"
	return as(config, account, "system:serviceaccounts", "system:serviceaccounts:nufi-system", "system:authenticated")
}

// as is the access of somebody else: the administrator impersonates him.
func as(config *rest.Config, user string, groups ...string) *rest.Config {
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return config
}

// apply applies a manifest as kubectl does. NAME stands for the room's.
func (r *room) apply(manifest string) {
	r.Helper()
	subject.Apply(r.T, r.client, strings.ReplaceAll(manifest, "NAME", r.name))
}

// project applies a spec in one line, and waits until it is in place.
func (r *room) project(spec string) {
	r.Helper()
	r.apply("{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: NAME}, spec: " + spec + "}")
	r.awaitReason(v1.ConditionReady, v1.ReasonReady)
}

func (r *room) status() v1.ProjectStatus {
	r.Helper()
	project := &v1.Project{}
	if err := r.client.Get(r.Context(), types.NamespacedName{Name: r.name}, project); err != nil {
		r.Fatal(err)
	}
	return project.Status
}

// awaitReason waits for a condition of this generation to have a reason.
func (r *room) awaitReason(kind, reason string) metav1.Condition {
	r.Helper()
	var last *metav1.Condition
	r.await(kind+" for the reason "+reason, func() bool {
		project := &v1.Project{}
		if err := r.client.Get(r.Context(), types.NamespacedName{Name: r.name}, project); err != nil {
			r.Fatal(err)
		}
		last = meta.FindStatusCondition(project.Status.Conditions, kind)
		return last != nil && last.Reason == reason && last.ObservedGeneration == project.Generation
	}, func() any { return r.status().Conditions })
	return *last
}

func (r *room) await(what string, is func() bool, state func() any) {
	r.Helper()
	subject.Await(r.T, what, is, state)
}

// child is one of the project's, or nil. A namespace is in none.
func (r *room) child(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	r.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetName(name)
	object.SetNamespace(r.name)
	if kind == namespace {
		object.SetName(r.name)
		object.SetNamespace("")
	}
	return subject.Find(r.T, r.client, object)
}

// field is what a child has at a path, nil if it is not there.
func (r *room) field(kind schema.GroupVersionKind, name string, path ...string) any {
	r.Helper()
	object := r.child(kind, name)
	if object == nil {
		return nil
	}
	found, _, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	if err != nil {
		r.Fatal(err)
	}
	return found
}

// patch changes a child as another user would.
func (r *room) patch(kind schema.GroupVersionKind, name, mergePatch string) {
	r.Helper()
	err := r.client.Patch(r.Context(), r.child(kind, name), client.RawPatch(types.MergePatchType, []byte(mergePatch)), client.FieldOwner("gitops"))
	if err != nil {
		r.Fatal(err)
	}
}
