package project_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const twoMembers = "{displayName: Team, members: [{kind: User, name: alice, role: Admin}, {kind: User, name: bob, role: Viewer}]," +
	" quota: {accelerators: [{type: atom, count: 2}], cpu: 8}}"

// children are those of twoMembers, and what a drift of each looks like.
func children() map[schema.GroupVersionKind]struct{ name, drift string } {
	return map[schema.GroupVersionKind]struct{ name, drift string }{
		namespace:     {"", `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}`},
		quota:         {"nufi-project", `{"spec":{"hard":{"requests.cpu":"64"}}}`},
		limitRange:    {"nufi-project", `{"spec":{"limits":[]}}`},
		networkPolicy: {"nufi-project", `{"spec":{"ingress":[{}]}}`},
		roleBinding:   {"nufi-project-viewer", `{"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"mallory"}]}`},
	}
}

func TestProjectIsAppliedAsNamespaceQuotaAndRoleBindings(t *testing.T) {
	r := newRoom(t, "whole")
	r.project(twoMembers)
	for kind, child := range children() {
		if r.child(kind, child.name) == nil {
			t.Errorf("no %s exists", kind.Kind)
		}
	}
	if r.child(roleBinding, "nufi-project-editor") != nil {
		t.Error("there is a binding for editors, and no editor")
	}
	if got := r.field(quota, "nufi-project", "spec", "hard", "requests.rebellions.ai/ATOM"); got != "2" {
		t.Errorf("the quota of devices is %v, want 2", got)
	}
	status := r.status()
	if status.Namespace != r.name || status.Templates == "" || len(status.Inventory) != 6 {
		t.Errorf("status %+v", status)
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	r := newRoom(t, "quiet")
	r.project(twoMembers)
	r.Quiet(t, r.name, 2*time.Second)
	before, wrote := r.Requests(r.name), len(r.Writes(r.name))
	// Events that change nothing of ours, each of which has the project reconciled.
	r.patch(quota, "nufi-project", `{"metadata":{"annotations":{"seen":"yes"}}}`)
	r.patch(namespace, "", `{"metadata":{"labels":{"seen":"yes"}}}`)
	r.Quiet(t, r.name, 2*time.Second)
	if asked := r.Requests(r.name) - before; asked != 0 {
		t.Errorf("%d requests: %v", asked, r.Writes(r.name)[wrote:])
	}
}

func TestDriftOfEachProjectObjectIsCorrected(t *testing.T) {
	r := newRoom(t, "drift")
	r.project(twoMembers)
	r.Quiet(t, r.name, time.Second)
	for kind, child := range children() {
		before := content(r.child(kind, child.name))
		r.patch(kind, child.name, child.drift)
		r.await(kind.Kind+" to be healed", func() bool { return reflect.DeepEqual(content(r.child(kind, child.name)), before) },
			func() any { return r.child(kind, child.name) })
		if kind == namespace {
			continue // Deleted, it takes a while, and the rest along.
		}
		if err := r.client.Delete(t.Context(), r.child(kind, child.name)); err != nil {
			t.Fatal(err)
		}
		r.await(kind.Kind+" to be made again", func() bool { return r.child(kind, child.name) != nil }, func() any { return r.status() })
	}
}

// content is what a drift may change.
func content(object *unstructured.Unstructured) map[string]any {
	if object == nil {
		return nil
	}
	return map[string]any{
		"spec": object.Object["spec"], "subjects": object.Object["subjects"], "roleRef": object.Object["roleRef"], "labels": object.GetLabels(),
	}
}

func TestRemovedMemberLosesTheRoleBinding(t *testing.T) {
	r := newRoom(t, "members")
	r.project("{members: [{kind: User, name: alice, role: Viewer}, {kind: User, name: bob, role: Viewer}]}")
	r.project("{members: [{kind: User, name: alice, role: Viewer}]}")
	subjects, _ := r.field(roleBinding, "nufi-project-viewer", "subjects").([]any)
	if len(subjects) != 1 || subjects[0].(map[string]any)["name"] != "alice" {
		t.Errorf("subjects are %v, want alice alone", subjects)
	}
	r.project("{displayName: Nobody}")
	r.await("the binding to go", func() bool { return r.child(roleBinding, "nufi-project-viewer") == nil }, func() any { return r.status() })
	if r.child(namespace, "") == nil {
		t.Error("the namespace went, too")
	}
}

func TestQuotaFollowsTheSpec(t *testing.T) {
	r := newRoom(t, "bounds")
	r.project("{quota: {cpu: 8, storage: 1Ti}}")
	r.project("{quota: {cpu: 500m}}")
	hard := r.field(quota, "nufi-project", "spec", "hard")
	if want := map[string]any{"requests.cpu": "500m"}; !reflect.DeepEqual(hard, want) {
		t.Errorf("the quota is %v, want %v", hard, want)
	}
	r.project("{displayName: Nobody}")
	r.await("the quota to go", func() bool { return r.child(quota, "nufi-project") == nil }, func() any { return r.status() })
	if r.child(limitRange, "nufi-project") == nil {
		t.Error("the default requests went, too")
	}
}

func TestInvalidSpecKeepsTheObjectsOfTheProject(t *testing.T) {
	r := newRoom(t, "broken")
	r.project(twoMembers)
	r.apply("{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: NAME}, spec: {quota: {accelerators: [{type: abacus, count: 1}]}}}")
	condition := r.awaitReason(v1.ConditionRendered, v1.ReasonInvalidSpec)
	if !strings.HasPrefix(condition.Message, "spec.quota.accelerators[0].type: abacus is not known") {
		t.Errorf("message %q", condition.Message)
	}
	r.awaitReason(v1.ConditionStalled, v1.ReasonInvalidSpec)
	r.Quiet(t, r.name, time.Second)
	for kind, child := range children() {
		if r.child(kind, child.name) == nil {
			t.Errorf("%s is gone", kind.Kind)
		}
	}
}

// A namespace that is somebody else's stays as it is: nobody gets into it by naming a
// project after it.
func TestUnownedNamespaceIsAdoptedOnlyByAnnotation(t *testing.T) {
	r := newRoom(t, "foreign")
	foreign := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.name}}
	if err := r.client.Create(t.Context(), foreign, client.FieldOwner("helm")); err != nil {
		t.Fatal(err)
	}
	r.apply("{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: NAME}, spec: " + twoMembers + "}")
	condition := r.awaitReason(v1.ConditionApplied, v1.ReasonConflict)
	if !strings.Contains(condition.Message, "Namespace "+r.name+": exists and is not owned") || !strings.Contains(condition.Message, "dudaji.com/adopt="+r.name) {
		t.Errorf("message %q", condition.Message)
	}
	for kind, child := range children() {
		if kind != namespace && r.child(kind, child.name) != nil {
			t.Errorf("there is a %s in it", kind.Kind)
		}
	}
	if status := r.status(); status.Namespace != "" {
		t.Errorf("status.namespace is %s", status.Namespace)
	}
	if got := r.child(namespace, ""); got.GetLabels()["dudaji.com/project"] != "" || len(got.GetOwnerReferences()) != 0 {
		t.Errorf("it was changed: %v", got.Object["metadata"])
	}
	r.patch(namespace, "", `{"metadata":{"annotations":{"dudaji.com/adopt":"`+r.name+`"}}}`)
	r.awaitReason(v1.ConditionReady, v1.ReasonReady)
	if r.child(roleBinding, "nufi-project-admin") == nil {
		t.Error("it was not adopted")
	}
}

// Without the project its namespace goes, by Kubernetes' garbage collector; one that
// was never ours stays.
func TestNamespaceIsDeletedWithItsProject(t *testing.T) {
	r := newRoom(t, "going")
	r.project(twoMembers)
	if err := r.client.Delete(t.Context(), &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: r.name}}); err != nil {
		t.Fatal(err)
	}
	r.await("the namespace to go", func() bool { return r.child(namespace, "") == nil }, func() any { return r.child(namespace, "") })
}
