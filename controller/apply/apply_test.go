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
	s := newStage(t)
	s.wantApply("created ServiceAccount web, created Service web, created Deployment web",
		aServiceAccount, aService, aDeployment)
	object := s.get(service)
	if got := object.GetOwnerReferences(); len(got) != 1 || got[0].UID != s.owner.UID || !*got[0].Controller {
		t.Errorf("owner references: %v", got)
	}
	want := []v1.InventoryEntry{
		{Version: "v1", Kind: "ServiceAccount", Name: "web"},
		{Version: "v1", Kind: "Service", Name: "web", UID: string(object.GetUID())},
		{Group: "apps", Version: "v1", Kind: "Deployment", Name: "web"},
	}
	ignore := cmp.FilterPath(func(path cmp.Path) bool { return path.Last().String() == ".UID" && path.Index(-2).String() != "[1]" },
		cmp.Ignore())
	if diff := cmp.Diff(want, s.recorded, cmpopts.IgnoreFields(v1.InventoryEntry{}, "Digest"), ignore); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
}

func TestCreationIsOneRequest(t *testing.T) {
	s := newStage(t)
	s.wantApply("created ServiceAccount web", aServiceAccount)
	s.awaitCache(s.get(serviceAccount))
	before := s.requests.Load()
	s.wantApply("created Service web", aServiceAccount, aService)
	if asked := s.requests.Load() - before; asked != 1 {
		t.Errorf("%d requests, want 1", asked)
	}
}

func TestNoRequestsWhenNothingChanged(t *testing.T) {
	s := newStage(t)
	all := []string{aServiceAccount, aService, aDeployment}
	s.wantApply("created ServiceAccount web, created Service web, created Deployment web", all...)
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment} {
		s.awaitCache(s.get(kind))
	}
	s.wantQuiet(all...)
	s.restart()
	s.wantQuiet(all...)
	if s.records != 1 {
		t.Errorf("the inventory was recorded %d times, want once", s.records)
	}
}

func TestFieldsOfOthersCauseNoRequest(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aDeployment)
	s.patch(deployment, `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},"spec":{"paused":true}}`, "kubectl")
	s.wantQuiet(aDeployment)
	s.wantField(deployment, true, "spec", "paused")
}

func TestAnnotationsOfOthersCauseNoRequest(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	s.patch(service, `{"metadata":{"annotations":{"added":"later"}}}`, "kubectl")
	s.wantQuiet(aService)
	s.wantField(service, "later", "metadata", "annotations", "added")
}

func TestDriftOfAnAtomicMapIsCorrected(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	s.patch(service, `{"spec":{"selector":{"also":"this"}}}`, "kubectl")
	s.wantApply("healed Service web", aService)
}

func TestChangedManifestIsApplied(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aDeployment)
	s.wantApply("configured Deployment web", with(aDeployment, "replicas: 3", "replicas: 4"))
	s.wantField(deployment, int64(4), "spec", "replicas")
}

func TestEmptyMapIsApplied(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aDeployment)
	s.wantApply("configured Deployment web", with(aDeployment, "emptyDir: {}", "hostPath: {path: /shm}"))
	s.wantApply("configured Deployment web", aDeployment)
}

func TestDriftIsCorrected(t *testing.T) {
	for name, drift := range map[string]func(s *stage){
		"a field is edited":  func(s *stage) { s.patch(service, `{"spec":{"selector":{"app":"other"}}}`, "kubectl") },
		"a field is removed": func(s *stage) { s.patch(service, `{"metadata":{"labels":{"team":null}}}`, "kubectl") },
		"our label is removed": func(s *stage) {
			s.patch(service, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`, "kubectl")
		},
		"our reference is removed": func(s *stage) {
			s.patch(service, `{"metadata":{"ownerReferences":null}}`, "kubectl")
		},
		"a list item is edited": func(s *stage) {
			s.patch(service, `{"spec":{"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":9}]}}`, "kubectl")
		},
		"a list item gets another key": func(s *stage) {
			s.patch(service, `{"spec":{"ports":[{"name":"http","port":81,"protocol":"TCP","targetPort":8000}]}}`, "kubectl")
		},
		"it is deleted": func(s *stage) { s.delete(service) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.wantApply("created Service web", aService)
			drift(s)
			s.wantApply("healed Service web", aService)
			object := s.get(service)
			s.wantField(service, "web", "spec", "selector", "app")
			s.wantField(service, "red", "metadata", "labels", "team")
			if ports, _, _ := unstructured.NestedSlice(object.Object, "spec", "ports"); len(ports) != 1 {
				t.Errorf("ports are %v, want ours alone", ports)
			}
			s.wantField(service, apply.ManagedBy, "metadata", "labels", apply.LabelManagedBy)
			if len(object.GetOwnerReferences()) != 1 {
				t.Error("the owner reference is gone")
			}
			s.awaitCache(object)
			s.wantQuiet(aService)
		})
	}
}

func TestDriftDuringRestartIsCorrected(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	s.patch(service, `{"spec":{"selector":{"app":"other"}}}`, "kubectl")
	s.restart()
	s.wantApply("healed Service web", aService)
}

func TestOlderCachedVersionIsNotDrift(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	for range 20 { // Applied faster than the informer follows.
		s.wantApply("configured Service web", with(aService, "port: 80", "port: 81"))
		s.wantApply("", with(aService, "port: 80", "port: 81"))
		s.wantApply("configured Service web", aService)
		s.wantApply("", aService)
	}
}

func TestRemovedObjectIsPruned(t *testing.T) {
	s := newStage(t)
	s.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	s.restart()
	s.wantApply("pruned Service web", aServiceAccount)
	if s.get(service) != nil {
		t.Error("the service is still there")
	}
	if len(s.recorded) != 1 {
		t.Errorf("inventory: %v", s.recorded)
	}
}

func TestNothingIsPrunedAfterAFailedApply(t *testing.T) {
	s := newStage(t)
	s.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	if _, err := s.apply(aServiceAccount, with(aDeployment, "name: shm, mountPath", "name: none, mountPath")); err == nil {
		t.Fatal("a mount without a volume is accepted")
	}
	if s.get(service) == nil {
		t.Error("the service was pruned after a failure")
	}
	s.wantApply("pruned Service web", aServiceAccount)
}

func TestReplacedObjectIsNotPruned(t *testing.T) {
	s := newStage(t)
	s.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	s.delete(service)
	if err := s.client.Create(t.Context(), s.parse(aService)[0]); err != nil {
		t.Fatal(err)
	}
	s.wantApply("", aServiceAccount)
	if s.get(service) == nil {
		t.Error("the service of another owner was deleted")
	}
}

func TestInterruptedApplyIsPruned(t *testing.T) {
	s := newStage(t)
	s.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	for i := range s.recorded { // The process ended before it wrote down more than names.
		s.recorded[i].UID, s.recorded[i].Digest = "", ""
	}
	s.restart()
	s.wantApply("configured ServiceAccount web, pruned Service web", aServiceAccount)
}

func TestFailedRecordPreventsApply(t *testing.T) {
	s := newStage(t)
	set, err := apply.NewSet(apply.DeployOwner(s.owner), s.parse(aService))
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	_, err = s.applier.Apply(t.Context(), set, nil, func(context.Context, []v1.InventoryEntry) error { return refused })
	if !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	if s.get(service) != nil {
		t.Error("the service was created")
	}
}
