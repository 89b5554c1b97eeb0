package apply_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// change is a value for a place in an object, a JSON pointer.
type change struct {
	path  string
	value any
}

const aLongDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, annotations: {note: ours}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: back}}
    spec:
      terminationGracePeriodSeconds: 60
      nodeSelector: {pool: npu}
      tolerations: [{key: npu, operator: Exists}]
      securityContext: {runAsNonRoot: true}
      containers:
      - name: server
        image: server:1
        args: [--port, "8000"]
        ports: [{name: http, containerPort: 8000}]
        startupProbe: {httpGet: {path: /health, port: http}, periodSeconds: 5}
        env: [{name: A, value: "1"}]
        resources: {limits: {cpu: 1000m}}
        volumeMounts: [{name: shm, mountPath: /dev/shm}]
      volumes: [{name: shm, emptyDir: {}}]
`

const server = "/spec/template/spec/containers/0"

func (f *fixture) change(manager string, changes ...change) {
	f.Helper()
	var operations []map[string]any
	for _, one := range changes {
		operations = append(operations, map[string]any{"op": "replace", "path": one.path, "value": one.value})
	}
	body, err := json.Marshal(operations)
	if err != nil {
		f.Fatal(err)
	}
	object := f.get(deployment)
	f.Must(f.Client.Patch(f.Context(), object, client.RawPatch(types.JSONPatchType, body), client.FieldOwner(manager)))
	f.awaitCache(object)
}

// applyAs server-side applies an unchanged manifest under a manager's name.
func (f *fixture) applyAs(manager, manifest string) {
	f.Helper()
	object := f.parse(manifest)[0]
	f.Must(f.Client.Apply(f.Context(), client.ApplyConfigurationFromUnstructured(object),
		client.FieldOwner(manager), client.ForceOwnership))
	f.awaitCache(f.get(deployment))
}

// Drift is detected by managed fields, not by values.
func TestDriftOfAnyOwnedFieldIsCorrected(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aLongDeployment)
	f.awaitCache(f.get(deployment))
	fields := map[string]any{
		"/spec/replicas":                                    5,
		server + "/image":                                   "server:2",
		server + "/args":                                    []string{"--port", "9000"},
		server + "/args/1":                                  "9000",
		server + "/env/0/value":                             "2",
		server + "/ports/0/name":                            "grpc",
		server + "/resources/limits/cpu":                    "2",
		server + "/startupProbe/periodSeconds":              7,
		server + "/startupProbe/httpGet/port":               "grpc",
		server + "/volumeMounts/0/mountPath":                "/elsewhere",
		"/spec/template/spec/volumes/0":                     map[string]any{"name": "shm", "hostPath": map[string]any{"path": "/shm"}},
		"/spec/template/spec/tolerations/0/key":             "other",
		"/spec/template/spec/nodeSelector/pool":             "other",
		"/spec/template/spec/securityContext/runAsNonRoot":  false,
		"/spec/template/spec/terminationGracePeriodSeconds": 90,
		"/spec/template/metadata/labels/tier":               "front",
		"/metadata/annotations/note":                        "other",
		"/metadata/ownerReferences/0/blockOwnerDeletion":    false,
		"/metadata/ownerReferences/0/controller":            false,
	}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		f.change("kubectl", change{path, fields[path]})
		if got, err := f.apply(aLongDeployment); got != "healed Deployment web" || err != nil {
			t.Errorf("%s: changed %q, error %v", path, got, err)
		}
		f.awaitCache(f.get(deployment))
		f.wantQuiet(aLongDeployment)
		f.clock.Step(time.Hour) // Frequent changes would be contention.
	}
}

func TestDriftByAnyWriterIsCorrected(t *testing.T) {
	image := change{server + "/image", "server:2"}
	for name, by := range map[string]func(f *fixture){
		"an update":                func(f *fixture) { f.change("kubectl", image) },
		"an update under our name": func(f *fixture) { f.change(v1.FieldManager, image) },
		"an update that clears all managed fields": func(f *fixture) {
			f.change("kubectl", image, change{"/metadata/managedFields", []any{map[string]any{}}})
		},
		"a forced apply": func(f *fixture) {
			f.applyAs("argocd", with(aLongDeployment, "server:1", "server:2"))
		},
		"an apply of one field": func(f *fixture) {
			f.applyAs("argocd", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: NAMESPACE}, spec: {replicas: 5}}")
		},
		"an autoscaler": func(f *fixture) { f.scale(5) },
		"an apply under our name": func(f *fixture) {
			f.anotherSecond()
			live := f.parse(with(aLongDeployment, "server:1", "server:2"))[0]
			live.SetOwnerReferences(f.get(deployment).GetOwnerReferences())
			live.SetLabels(f.get(deployment).GetLabels())
			content, err := live.MarshalJSON()
			if err != nil {
				f.Fatal(err)
			}
			f.applyAs(v1.FieldManager, string(content))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.wantApply("created Deployment web", aLongDeployment)
			f.awaitCache(f.get(deployment))
			by(f)
			f.wantApply("healed Deployment web", aLongDeployment)
			f.wantField(deployment, int64(3), "spec", "replicas")
			f.awaitCache(f.get(deployment))
			f.wantQuiet(aLongDeployment)
		})
	}
}

// anotherSecond waits until the API server's clock shows another than that of our last
// write: it keeps the times of writes in seconds.
func (f *fixture) anotherSecond() {
	f.Helper()
	entries := f.get(deployment).GetManagedFields()
	f.Await("another second", func() bool { return time.Since(entries[0].Time.Time) >= time.Second })
}

func TestSummarizeIsIdempotent(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aLongDeployment)
	object := f.get(deployment)
	apply.Summarize(object)
	once := object.DeepCopy()
	apply.Summarize(object) // An informer may do so twice.
	if apply.Drifted(once, object) || len(object.GetManagedFields()) != 1 {
		t.Errorf("managed fields became %v", object.GetManagedFields())
	}
}

// The controller's own applies would reconcile the owner at once, before all others.
func TestApplyIsNoDrift(t *testing.T) {
	f := newFixture(t)
	summarized := func() client.Object {
		object := f.get(deployment)
		apply.Summarize(object)
		return object
	}
	f.wantApply("created Deployment web", aLongDeployment)
	f.awaitCache(f.get(deployment))
	created := summarized()
	f.anotherSecond()
	f.wantApply("configured Deployment web", with(aLongDeployment, "server:1", "server:2"))
	applied := summarized()
	if apply.Drifted(created, applied) {
		t.Error("an apply of another manifest is drift")
	}
	f.change("kubectl", change{server + "/image", "server:3"})
	changed := summarized()
	if !apply.Drifted(applied, changed) {
		t.Error("a change by another client is no drift")
	}
	f.change("kubectl", change{"/metadata/annotations", map[string]any{}})
	if !apply.Drifted(applied, summarized()) {
		t.Error("the removal of the digest is no drift")
	}
}

func TestCopyOfAnObjectIsNotPruned(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web, created Deployment web", aService, aDeployment)
	f.awaitCache(f.get(service))
	f.awaitCache(f.get(deployment))
	copied := f.get(service).DeepCopy()
	copied.SetName("copy")
	copied.SetResourceVersion("")
	copied.SetManagedFields(nil)
	unstructured.RemoveNestedField(copied.Object, "spec", "clusterIP")
	unstructured.RemoveNestedField(copied.Object, "spec", "clusterIPs")
	f.Create(copied, client.FieldOwner("kubectl"))
	f.awaitCache(copied)

	f.restart()
	f.wantApply("pruned Service web", aDeployment)
	f.wantQuiet(aDeployment)
	if f.Find(service, "copy") == nil {
		t.Error("a copy of another client was deleted")
	}
}
