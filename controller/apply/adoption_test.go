package apply_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// createForeign creates an object under another field manager.
func (f *fixture) createForeign(manifest string) {
	f.Helper()
	f.Create(f.parse(manifest)[0], client.FieldOwner("helm"))
}

func TestUnownedObjectIsNotModified(t *testing.T) {
	f := newFixture(t)
	f.createForeign(with(aService, "port: 80", "port: 81"))
	_, err := f.apply(aService)
	conflict := (*apply.ConflictError)(nil)
	if !errors.As(err, &conflict) || conflict.Manager != "helm" {
		t.Fatalf("error %v, want a conflict with helm", err)
	}
	reason, message := apply.Explain(err)
	want := `Service web: exists and is not owned: "helm" manages it; annotate it with dudaji.com/adopt=web to let it be adopted`
	if diff := cmp.Diff([]string{v1.ReasonConflict, want}, []string{reason, message}); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
	if len(f.get(service).GetOwnerReferences()) != 0 {
		t.Error("the service was taken over")
	}
}

func TestConflictHasTheManagerAndTheField(t *testing.T) {
	f := newFixture(t)
	f.createForeign(with(aService, "app: web", "app: other"))
	_, err := f.apply(aService)
	conflict := (*apply.ConflictError)(nil)
	if !errors.As(err, &conflict) || conflict.Manager != "helm" || conflict.Field != ".spec.selector" || conflict.Owner != "web" {
		t.Fatalf("error %#v, want a conflict with helm on .spec.selector that explains adoption", err)
	}
}

func TestObjectWithAnotherControllerIsNotAdopted(t *testing.T) {
	f := newFixture(t)
	other := f.newOwner("other")
	set, err := apply.NewObjectSet(apply.DeployOwner(other), f.parse(with(aService, "labels: {team: red}, annotations: {}", "annotations: {dudaji.com/adopt: web}")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.applier.Apply(t.Context(), set, apply.Recorded{}); err != nil {
		t.Fatal(err)
	}
	_, err = f.apply(aService)
	conflict := (*apply.ConflictError)(nil)
	if !errors.As(err, &conflict) || conflict.ControlledBy != "NpuDeploy other" {
		t.Errorf("error %v, want one that names NpuDeploy other", err)
	}
}

func TestObjectOfAnEarlierOwnerIsAwaited(t *testing.T) {
	f := newFixture(t)
	controller := "ownerReferences: [{apiVersion: dudaji.com/v1, kind: NpuDeploy, name: web, uid: 9f6f2f1e-0000-0000-0000-000000000000, controller: true}]"
	f.createForeign(with(aService, "annotations: {}", controller))
	_, err := f.apply(aService)
	reason, message := apply.Explain(err)
	if diff := cmp.Diff([]string{v1.ReasonApplyFailed, "Service web: waiting for its deletion to end"}, []string{reason, message}); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
	f.Delete(f.get(service))
	f.wantApply("created Service web", aService)
}

func TestAnnotatedObjectIsAdopted(t *testing.T) {
	f := newFixture(t)
	f.createForeign(with(aService, "annotations: {}", "annotations: {dudaji.com/adopt: web, old: gone}", "port: 80", "port: 81", "app: web", "app: other"))
	f.wantApply("adopted Service web", aService)
	object := f.get(service)
	if _, stays := object.GetAnnotations()["old"]; stays {
		t.Error("an annotation of the former owner is kept")
	}
	if len(object.GetOwnerReferences()) != 1 {
		t.Error("the service has no owner")
	}
	f.awaitCache(object)
	f.wantQuiet(aService)
}

func TestObjectAnnotatedForAnotherOwnerIsNotAdopted(t *testing.T) {
	f := newFixture(t)
	f.createForeign(with(aService, "annotations: {}", "annotations: {dudaji.com/adopt: other}"))
	if changes, err := f.apply(aService); err == nil {
		t.Errorf("changed %q, want an error", changes)
	}
}

func TestOtherObjectsAreAppliedAfterAnError(t *testing.T) {
	f := newFixture(t)
	f.createForeign(aService)
	changes, err := f.apply(aServiceAccount, aService, aDeployment)
	if err == nil || changes != "created ServiceAccount web, created Deployment web" {
		t.Errorf("changed %q (%v)", changes, err)
	}
}

// Otherwise the name of an NpuDeploy would select any ServiceAccount of the namespace.
func TestUnownedServiceAccountPreventsTheDeployment(t *testing.T) {
	f := newFixture(t)
	f.createForeign(aServiceAccount)
	changes, err := f.apply(aServiceAccount, aService, aDeployment)
	conflict := (*apply.ConflictError)(nil)
	if !errors.As(err, &conflict) || conflict.Ref.Kind != "ServiceAccount" || changes != "" {
		t.Errorf("changed %q (%v)", changes, err)
	}
}

func TestKindThatIsNotInstalledIsReported(t *testing.T) {
	f := newFixture(t)
	f.options.CheckInstalled = func(kind schema.GroupVersionKind) error {
		if kind == service {
			return apply.ErrNotInstalled
		}
		return nil
	}
	f.restart()
	changes, err := f.apply(aService, aServiceAccount)
	missing := (*apply.NotInstalledError)(nil)
	if !errors.As(err, &missing) || missing.Ref.Kind != "Service" {
		t.Errorf("error %v, want one that names the kind", err)
	}
	if changes != "created ServiceAccount web" {
		t.Errorf("changed %q", changes)
	}
	if _, terminal := apply.Retry(err); !terminal {
		t.Error("the apply is retried, although it needs a new kind")
	}
}

func TestClaimThatCannotChangeIsReportedAndNotRetried(t *testing.T) {
	const aClaim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: web, namespace: NAMESPACE}, spec: {storageClassName: fast, " +
		"accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}}"
	f := newFixture(t)
	f.wantApply("created PersistentVolumeClaim web", aClaim)
	_, err := f.apply(with(aClaim, "fast", "slow"))
	immutable := (*apply.ImmutableError)(nil)
	if !errors.As(err, &immutable) || immutable.Field != "spec" {
		t.Fatalf("error %v, want an immutable spec", err)
	}
	if _, terminal := apply.Retry(err); !terminal {
		t.Error("the apply is retried")
	}
}

func TestImmutableFieldIsReportedAndNothingIsDeleted(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	uid := f.get(deployment).GetUID()
	_, err := f.apply(with(aDeployment, "app: web", "app: other"))
	immutable := (*apply.ImmutableError)(nil)
	if !errors.As(err, &immutable) || immutable.Field != "spec.selector" {
		t.Fatalf("error %v, want spec.selector to be immutable", err)
	}
	if _, terminal := apply.Retry(err); !terminal {
		t.Error("the apply is retried")
	}
	if f.get(deployment).GetUID() != uid {
		t.Error("the deployment was replaced")
	}
}

func TestRejectionIsReportedInOneLine(t *testing.T) {
	for name, manifest := range map[string]string{
		"duplicate env":        with(aDeployment, `env: [{name: A, value: "1"}]`, "env: [{name: A}, {name: A}]"),
		"mount without volume": with(aDeployment, "name: shm, mountPath", "name: none, mountPath"),
		"missing image":        with(aDeployment, "image: server:1", "stdin: false"),
		"field value that resembles an immutable error": with(aDeployment, "labels: {app: web}", "labels: {app: web, a: 'x: field is immutable'}"),
		"unknown field":         with(aDeployment, "replicas: 3", "replica: 3"),
		"value of another type": with(aDeployment, "replicas: 3", "replicas: many"),
		"number out of bounds":  with(aDeployment, "replicas: 3", "replicas: -1"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.apply(manifest)
			rejected := (*apply.RejectedError)(nil)
			if !errors.As(err, &rejected) {
				t.Fatalf("error %v, want a rejection", err)
			}
			if len(rejected.Error()) > 700 {
				t.Errorf("message of %d bytes", len(rejected.Error()))
			}
			t.Log(rejected.Error())
		})
	}
}
