package apply_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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
	for name, patch := range map[string]string{
		"a field":       `{"spec":{"selector":{"app":"other"}}}`,
		"a list item":   `{"spec":{"ports":[{"name":"http","port":81,"protocol":"TCP","targetPort":8000}]}}`,
		"our label":     `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`,
		"our reference": `{"metadata":{"ownerReferences":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.wantApply("created Service web", aService)
			f.patch(service, patch, "kubectl")
			f.restart()
			f.wantApply("healed Service web", aService)
			f.awaitCache(f.get(service))
			f.restart()
			f.wantQuiet(aService)
		})
	}
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

func TestIsAppliedComparesDigestsAndObjects(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web, created Deployment web", aService, aDeployment)
	f.awaitCache(f.get(deployment))
	f.awaitCache(f.get(service))
	f.restart()
	for name, test := range map[string]struct {
		manifests []string
		want      bool
	}{
		"the same":            {[]string{aService, aDeployment}, true},
		"another manifest":    {[]string{aService, with(aDeployment, "replicas: 3", "replicas: 4")}, false},
		"a further object":    {[]string{aServiceAccount, aService, aDeployment}, false},
		"an object less":      {[]string{aDeployment}, false},
		"one of another kind": {[]string{aServiceAccount, aDeployment}, false},
	} {
		set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), f.parse(test.manifests...))
		f.Must(err)
		if got, err := f.applier.IsApplied(f.Context(), set, f.recorded); got != test.want || err != nil {
			t.Errorf("%s: %t, error %v", name, got, err)
		}
	}
}

func TestRemovedObjectIsPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.awaitCache(f.get(serviceAccount))
	f.awaitCache(f.get(service))
	f.restart()
	f.wantApply("pruned Service web", aServiceAccount)
	if f.get(service) != nil {
		t.Error("the service is still there")
	}
}

func TestRemovedObjectWithoutItsLabelIsPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.patch(service, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`, "kubectl")
	f.wantApply("pruned Service web", aServiceAccount)
}

// The response to the deletion is the object itself, of a kind that the client may have no type for.
func TestRemovedObjectWithAFinalizerIsPruned(t *testing.T) {
	for name, manifest := range map[string]string{
		"Service": aService, "Deployment": aDeployment, "VirtualService": aVirtualService, "HTTPRoute": anHTTPRoute,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.wantApply("created ServiceAccount web, created "+name+" web", aServiceAccount, manifest)
			kind := f.parse(manifest)[0].GroupVersionKind()
			f.patch(kind, `{"metadata":{"finalizers":["example.com/hold"]}}`, "kubectl")
			f.wantApply("pruned "+name+" web", aServiceAccount)
			f.awaitCache(f.get(kind))
			f.wantQuiet(aServiceAccount)
			f.Patch(f.get(kind), `{"metadata":{"finalizers":null}}`)
		})
	}
}

// The informers of a new process have nothing that the process before it created.
func TestObjectIsPrunedOnceTheInformersHaveIt(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web", aServiceAccount, aService)
	f.awaitCache(f.get(service))
	f.options.Cache = newCache(f.Harness, "without-objects")
	f.restart()
	f.wantApply("", aServiceAccount)
	f.options.Cache = f.cache
	f.restart()
	f.wantApply("pruned Service web", aServiceAccount)
}

// After a restart, only the objects show which manifests were applied.
func TestRestartSendsNoRequest(t *testing.T) {
	for _, example := range []string{"full", "httproute", "ingress", "autoscaled", "multi-node"} {
		t.Run(example, func(t *testing.T) {
			f := newFixture(t)
			var objects []*unstructured.Unstructured
			for _, object := range f.Parse(f.File("examples/" + example + "/manifests.yaml")) {
				if object.SetNamespace(f.Namespace); checkInstalled(f.Harness, object.GroupVersionKind()) == nil {
					objects = append(objects, object)
				}
			}
			set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), objects)
			f.Must(err)
			result, err := f.applier.Apply(t.Context(), set, apply.Recorded{})
			f.Must(err)
			if len(result.Changes) < 3 {
				t.Fatalf("changed %s", result.Changes)
			}
			for _, object := range objects {
				f.awaitCache(f.Find(object.GroupVersionKind(), object.GetName()))
			}
			f.restart()
			before := f.requests.Load()
			result, err = f.applier.Apply(t.Context(), set, apply.Recorded{})
			if changes := result.Changes.String(); err != nil || changes != "" {
				t.Errorf("changed %q, error %v", changes, err)
			}
			if sent := f.requests.Load() - before; sent != 0 {
				t.Errorf("%d requests, want none", sent)
			}
		})
	}
}

// An earlier version recorded the digests in the owner's status.
func TestRecordedInventoryIsTakenOver(t *testing.T) {
	f := newFixture(t)
	set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), f.parse(aServiceAccount, aService))
	f.Must(err)
	result, err := f.applier.Apply(t.Context(), set.WithoutDigests(f), apply.Recorded{})
	f.Must(err)
	if got := result.Changes.String(); got != "created ServiceAccount web, created Service web" {
		t.Fatalf("changed %q", got)
	}
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service} {
		object := f.get(kind)
		f.awaitCache(object)
		f.recorded.Inventory = append(f.recorded.Inventory, v1.InventoryEntry{
			Version: "v1", Kind: kind.Kind, Name: "web", UID: string(object.GetUID()), Digest: set.RecordedDigest(kind.Kind, object),
		})
	}
	for range 2 {
		f.restart()
		f.wantQuiet(aServiceAccount, aService)
	}
	if got := len(f.recorded.Inventory); got != 2 {
		t.Errorf("the inventory has %d entries, want 2: the objects have no digest", got)
	}
	changed := with(aService, "port: 80", "port: 81")
	f.wantApply("configured Service web", aServiceAccount, changed)
	if left := f.recorded.Inventory; len(left) != 1 || left[0].Kind != "ServiceAccount" {
		t.Errorf("the inventory is %v, want the ServiceAccount", left)
	}
	f.awaitCache(f.get(service))
	f.restart()
	f.wantQuiet(aServiceAccount, changed)
	f.wantApply("pruned ServiceAccount web", changed)
	if left := f.recorded.Inventory; len(left) != 0 {
		t.Errorf("the inventory is %v", left)
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

// The API server's answer must not become part of what is applied next.
func TestSetIsAppliedRepeatedlyWithoutChanges(t *testing.T) {
	f := newFixture(t)
	objects := f.parse(aService)
	before := objects[0].DeepCopy()
	set, err := apply.NewObjectSet(apply.DeployOwner(f.owner), objects)
	f.Must(err)
	for _, want := range []string{"created Service web", "healed Service web", ""} {
		requests := f.requests.Load()
		result, err := f.applier.Apply(f.Context(), set, f.recorded)
		f.Must(err)
		if got := result.Changes.String(); got != want {
			t.Errorf("changed %q, want %q", got, want)
		}
		if sent := f.requests.Load() - requests; want == "" && sent != 0 {
			t.Errorf("%d requests after the last change", sent)
		}
		f.recorded.Inventory = result.Inventory
		if want == "created Service web" {
			f.patch(service, otherSelector, "gitops")
		} else {
			f.awaitCache(f.get(service))
		}
	}
	if diff := cmp.Diff(before.Object, objects[0].Object); diff != "" {
		t.Errorf("the manifest was changed (-before +after):\n%s", diff)
	}
}
