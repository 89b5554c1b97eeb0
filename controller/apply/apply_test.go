package apply_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestMissingObjectsAreCreated(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web, created Deployment web",
		aServiceAccount, aService, aDeployment)
	object := f.get(service)
	if got := object.GetOwnerReferences(); len(got) != 1 || got[0].UID != f.owner.UID || !*got[0].Controller {
		t.Errorf("owner references: %v", got)
	}
	want := []v1.InventoryEntry{
		{Version: "v1", Kind: "ServiceAccount", Name: "web"},
		{Version: "v1", Kind: "Service", Name: "web", UID: string(object.GetUID())},
		{Group: "apps", Version: "v1", Kind: "Deployment", Name: "web"},
	}
	ignore := cmp.FilterPath(func(path cmp.Path) bool { return path.Last().String() == ".UID" && path.Index(-2).String() != "[1]" },
		cmp.Ignore())
	if diff := cmp.Diff(want, f.recorded, cmpopts.IgnoreFields(v1.InventoryEntry{}, "Digest"), ignore); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
}

func TestCreationIsOneRequest(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web", aServiceAccount)
	f.awaitCache(f.get(serviceAccount))
	before := f.requests.Load()
	f.wantApply("created Service web", aServiceAccount, aService)
	if asked := f.requests.Load() - before; asked != 1 {
		t.Errorf("%d requests, want 1", asked)
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	f := newFixture(t)
	all := []string{aServiceAccount, aService, aDeployment}
	f.wantApply("created ServiceAccount web, created Service web, created Deployment web", all...)
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment} {
		f.awaitCache(f.get(kind))
	}
	f.wantQuiet(all...)
	f.restart()
	f.wantQuiet(all...)
	if f.records != 1 {
		t.Errorf("the inventory was recorded %d times, want once", f.records)
	}
}

func TestFieldsOfOthersCauseNoRequest(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	f.patch(deployment, `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},"spec":{"paused":true}}`, "kubectl")
	f.wantQuiet(aDeployment)
	f.wantField(deployment, true, "spec", "paused")
}

func TestAnnotationsOfOthersCauseNoRequest(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	f.patch(service, `{"metadata":{"annotations":{"added":"later"}}}`, "kubectl")
	f.wantQuiet(aService)
	f.wantField(service, "later", "metadata", "annotations", "added")
}

func TestDriftOfAnAtomicMapIsCorrected(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	f.patch(service, `{"spec":{"selector":{"also":"this"}}}`, "kubectl")
	f.wantApply("healed Service web", aService)
}

func TestChangedManifestIsApplied(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	f.wantApply("configured Deployment web", with(aDeployment, "replicas: 3", "replicas: 4"))
	f.wantField(deployment, int64(4), "spec", "replicas")
}

func TestEmptyMapIsApplied(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	f.wantApply("configured Deployment web", with(aDeployment, "emptyDir: {}", "hostPath: {path: /shm}"))
	f.wantApply("configured Deployment web", aDeployment)
}

func TestDriftIsCorrected(t *testing.T) {
	for name, drift := range map[string]func(f *fixture){
		"a field is edited":  func(f *fixture) { f.patch(service, `{"spec":{"selector":{"app":"other"}}}`, "kubectl") },
		"a field is removed": func(f *fixture) { f.patch(service, `{"metadata":{"labels":{"team":null}}}`, "kubectl") },
		"our label is removed": func(f *fixture) {
			f.patch(service, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`, "kubectl")
		},
		"our reference is removed": func(f *fixture) {
			f.patch(service, `{"metadata":{"ownerReferences":null}}`, "kubectl")
		},
		"a list item is edited": func(f *fixture) {
			f.patch(service, `{"spec":{"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":9}]}}`, "kubectl")
		},
		"a list item gets another key": func(f *fixture) {
			f.patch(service, `{"spec":{"ports":[{"name":"http","port":81,"protocol":"TCP","targetPort":8000}]}}`, "kubectl")
		},
		"it is deleted": func(f *fixture) { f.delete(service) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.wantApply("created Service web", aService)
			drift(f)
			f.wantApply("healed Service web", aService)
			object := f.get(service)
			f.wantField(service, "web", "spec", "selector", "app")
			f.wantField(service, "red", "metadata", "labels", "team")
			if ports, _, _ := unstructured.NestedSlice(object.Object, "spec", "ports"); len(ports) != 1 {
				t.Errorf("ports are %v, want ours alone", ports)
			}
			f.wantField(service, apply.ManagedBy, "metadata", "labels", apply.LabelManagedBy)
			if len(object.GetOwnerReferences()) != 1 {
				t.Error("the owner reference is gone")
			}
			f.awaitCache(object)
			f.wantQuiet(aService)
		})
	}
}

func TestDriftDuringRestartIsCorrected(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	f.patch(service, `{"spec":{"selector":{"app":"other"}}}`, "kubectl")
	f.restart()
	f.wantApply("healed Service web", aService)
}

func TestOlderCachedVersionIsNotDrift(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	for range 20 { // Applied faster than the informer follows.
		f.wantApply("configured Service web", with(aService, "port: 80", "port: 81"))
		f.wantApply("", with(aService, "port: 80", "port: 81"))
		f.wantApply("configured Service web", aService)
		f.wantApply("", aService)
	}
}

func TestRemovedObjectIsPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.restart()
	f.wantApply("pruned Service web", aServiceAccount)
	if f.get(service) != nil {
		t.Error("the service is still there")
	}
	if len(f.recorded) != 1 {
		t.Errorf("inventory: %v", f.recorded)
	}
}

func TestNothingIsPrunedAfterAFailedApply(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	if _, err := f.apply(aServiceAccount, with(aDeployment, "name: shm, mountPath", "name: none, mountPath")); err == nil {
		t.Fatal("a mount without a volume is accepted")
	}
	if f.get(service) == nil {
		t.Error("the service was pruned after a failure")
	}
	f.wantApply("pruned Service web", aServiceAccount)
}

func TestReplacedObjectIsNotPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.delete(service)
	f.Create(f.parse(aService)[0])
	f.wantApply("", aServiceAccount)
	if f.get(service) == nil {
		t.Error("the service of another owner was deleted")
	}
}

func TestInterruptedApplyIsPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	for i := range f.recorded { // The process ended before it wrote down more than names.
		f.recorded[i].UID, f.recorded[i].Digest = "", ""
	}
	f.restart()
	f.wantApply("configured ServiceAccount web, pruned Service web", aServiceAccount)
}

func TestFailedRecordPreventsApply(t *testing.T) {
	f := newFixture(t)
	set, err := apply.NewSet(apply.DeployOwner(f.owner), f.parse(aService))
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	_, err = f.applier.Apply(t.Context(), set, nil, func(context.Context, []v1.InventoryEntry) error { return refused })
	if !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	if f.get(service) != nil {
		t.Error("the service was created")
	}
}
