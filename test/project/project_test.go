package project_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const twoMembers = "{displayName: Team, members: [{kind: User, name: alice, role: Admin}, {kind: User, name: bob, role: Viewer}]," +
	" quota: {accelerators: [{type: atom, count: 2}], cpu: 8}}"

// children returns the objects of twoMembers by kind, with a patch that makes each drift.
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
	f := newFixture(t)
	f.applyReady(twoMembers)
	for kind, child := range children() {
		if f.child(kind, child.name) == nil {
			t.Errorf("no %s exists", kind.Kind)
		}
	}
	if f.child(roleBinding, "nufi-project-editor") != nil {
		t.Error("there is a binding for editors, and no editor")
	}
	if got := f.field(quota, "nufi-project", "spec", "hard", "requests.rebellions.ai/ATOM"); got != "2" {
		t.Errorf("the quota of devices is %v, want 2", got)
	}
	status := f.status()
	if status.Namespace != f.name || status.Templates == "" {
		t.Errorf("status %+v", status)
	}
	if applied := meta.FindStatusCondition(status.Conditions, v1.ConditionApplied); applied.Message != "all manifests are in place" {
		t.Errorf("Applied: %s", applied.Message)
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	f := newFixture(t)
	f.applyReady(twoMembers)
	f.AwaitQuiet(f.Harness, f.name, 2*time.Second)
	before, wrote := f.Requests(f.name), len(f.Writes(f.name))
	// These events cause a reconcile and change nothing of ours.
	f.Patch(f.child(quota, "nufi-project"), `{"metadata":{"annotations":{"seen":"yes"}}}`)
	f.Patch(f.child(namespace, ""), `{"metadata":{"labels":{"seen":"yes"}}}`)
	f.AwaitQuiet(f.Harness, f.name, 2*time.Second)
	if requests := f.Requests(f.name) - before; requests != 0 {
		t.Errorf("%d requests: %v", requests, f.Writes(f.name)[wrote:])
	}
}

func TestDriftOfEachProjectObjectIsCorrected(t *testing.T) {
	f := newFixture(t)
	f.applyReady(twoMembers)
	f.AwaitQuiet(f.Harness, f.name, time.Second)
	for kind, child := range children() {
		before := content(f.child(kind, child.name))
		f.Patch(f.child(kind, child.name), child.drift)
		f.Await(kind.Kind+" to be corrected", func() bool { return reflect.DeepEqual(content(f.child(kind, child.name)), before) })
		if kind == namespace {
			continue // Its deletion takes a while, and deletes the others.
		}
		deleted := f.child(kind, child.name)
		f.Delete(deleted)
		f.Await(kind.Kind+" to be created again", func() bool {
			object := f.child(kind, child.name)
			return object != nil && object.GetUID() != deleted.GetUID()
		})
	}
}

// content returns the fields that a drift may change.
func content(object *unstructured.Unstructured) map[string]any {
	if object == nil {
		return nil
	}
	return map[string]any{
		"spec": object.Object["spec"], "subjects": object.Object["subjects"], "roleRef": object.Object["roleRef"], "labels": object.GetLabels(),
	}
}

func TestRemovedMemberLosesTheRoleBinding(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{members: [{kind: User, name: alice, role: Viewer}, {kind: User, name: bob, role: Viewer}]}")
	f.applyReady("{members: [{kind: User, name: alice, role: Viewer}]}")
	subjects, _ := f.field(roleBinding, "nufi-project-viewer", "subjects").([]any)
	if len(subjects) != 1 || subjects[0].(map[string]any)["name"] != "alice" {
		t.Errorf("subjects are %v, want alice alone", subjects)
	}
	f.applyReady("{displayName: Empty}")
	f.AwaitGone(f.Object(roleBinding, "nufi-project-viewer"))
	if f.child(namespace, "") == nil {
		t.Error("the namespace went, too")
	}
}

func TestQuotaFollowsTheSpec(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{quota: {cpu: 8, storage: 1Ti}}")
	f.applyReady("{quota: {cpu: 500m}}")
	hard := f.field(quota, "nufi-project", "spec", "hard")
	if want := map[string]any{"requests.cpu": "500m"}; !reflect.DeepEqual(hard, want) {
		t.Errorf("the quota is %v, want %v", hard, want)
	}
	f.applyReady("{displayName: Empty}")
	f.AwaitGone(f.Object(quota, "nufi-project"))
	if f.child(limitRange, "nufi-project") == nil {
		t.Error("the default requests went, too")
	}
}

func TestInvalidSpecKeepsTheObjectsOfTheProject(t *testing.T) {
	f := newFixture(t)
	f.applyReady(twoMembers)
	f.apply("{quota: {accelerators: [{type: abacus, count: 1}]}}")
	condition := f.AwaitCondition(f.project(), v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonInvalidSpec)
	if !strings.HasPrefix(condition.Message, "spec.quota.accelerators[0].type: abacus is not described") {
		t.Errorf("message %q", condition.Message)
	}
	f.AwaitCondition(f.project(), v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonInvalidSpec)
	f.AwaitQuiet(f.Harness, f.name, time.Second)
	for kind, child := range children() {
		if f.child(kind, child.name) == nil {
			t.Errorf("%s is gone", kind.Kind)
		}
	}
}

// A user must not get access to a namespace by naming a project after it.
func TestUnownedNamespaceIsAdoptedOnlyByAnnotation(t *testing.T) {
	f := newFixture(t)
	f.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.name}}, client.FieldOwner("helm"))
	f.apply(twoMembers)
	condition := f.AwaitCondition(f.project(), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonConflict)
	if !strings.Contains(condition.Message, "Namespace "+f.name+": exists and is not owned") || !strings.Contains(condition.Message, "dudaji.com/adopt="+f.name) {
		t.Errorf("message %q", condition.Message)
	}
	for kind, child := range children() {
		if kind != namespace && f.child(kind, child.name) != nil {
			t.Errorf("the namespace has a %s", kind.Kind)
		}
	}
	if status := f.status(); status.Namespace != "" {
		t.Errorf("status.namespace is %s", status.Namespace)
	}
	if got := f.child(namespace, ""); got.GetLabels()["dudaji.com/project"] != "" || len(got.GetOwnerReferences()) != 0 {
		t.Errorf("the namespace was changed: %v", got.Object["metadata"])
	}
	f.Patch(f.child(namespace, ""), `{"metadata":{"annotations":{"dudaji.com/adopt":"`+f.name+`"}}}`)
	f.AwaitCondition(f.project(), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	if f.child(roleBinding, "nufi-project-admin") == nil {
		t.Error("the namespace was not adopted")
	}
}

// Kubernetes' garbage collector deletes the namespace.
func TestNamespaceIsDeletedWithItsProject(t *testing.T) {
	f := newFixture(t)
	f.applyReady(twoMembers)
	f.Delete(f.project())
	f.AwaitGone(f.Object(namespace, f.name))
}
