package apply_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

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

func (s *stage) change(manager string, changes ...change) {
	s.Helper()
	var operations []map[string]any
	for _, one := range changes {
		operations = append(operations, map[string]any{"op": "replace", "path": one.path, "value": one.value})
	}
	body, err := json.Marshal(operations)
	if err != nil {
		s.Fatal(err)
	}
	object := s.get(deployment)
	if err := s.client.Patch(s.Context(), object, client.RawPatch(types.JSONPatchType, body), client.FieldOwner(manager)); err != nil {
		s.Fatal(err)
	}
	s.awaitCache(object)
}

// applyAs server-side applies a manifest under a manager's name, as it is.
func (s *stage) applyAs(manager, manifest string) {
	s.Helper()
	object := s.parse(manifest)[0]
	if err := s.client.Apply(s.Context(), client.ApplyConfigurationFromUnstructured(object),
		client.FieldOwner(manager), client.ForceOwnership); err != nil {
		s.Fatal(err)
	}
	s.awaitCache(s.get(deployment))
}

// No value is compared: the API server's book has to tell in every case.
func TestDriftOfAnyOwnedFieldIsCorrected(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aLongDeployment)
	s.awaitCache(s.get(deployment))
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
		s.change("kubectl", change{path, fields[path]})
		if got, err := s.apply(aLongDeployment); got != "healed Deployment web" || err != nil {
			t.Errorf("%s: changed %q, error %v", path, got, err)
		}
		s.awaitCache(s.get(deployment))
		s.wantQuiet(aLongDeployment)
		s.clock.Step(time.Hour) // Or this would be a fight.
	}
}

func TestDriftByAnyWriterIsCorrected(t *testing.T) {
	image := change{server + "/image", "server:2"}
	for name, by := range map[string]func(s *stage){
		"an update":                func(s *stage) { s.change("kubectl", image) },
		"an update under our name": func(s *stage) { s.change(v1.FieldManager, image) },
		"an update that clears all managed fields": func(s *stage) {
			s.change("kubectl", image, change{"/metadata/managedFields", []any{map[string]any{}}})
		},
		"a forced apply": func(s *stage) {
			s.applyAs("argocd", with(aLongDeployment, "server:1", "server:2"))
		},
		"an apply of one field": func(s *stage) {
			s.applyAs("argocd", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: NAMESPACE}, spec: {replicas: 5}}")
		},
		"an autoscaler": func(s *stage) { s.scale(5) },
		"an apply under our name": func(s *stage) {
			s.anotherSecond()
			live := s.parse(with(aLongDeployment, "server:1", "server:2"))[0]
			live.SetOwnerReferences(s.get(deployment).GetOwnerReferences())
			live.SetLabels(s.get(deployment).GetLabels())
			content, err := live.MarshalJSON()
			if err != nil {
				s.Fatal(err)
			}
			s.applyAs(v1.FieldManager, string(content))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.wantApply("created Deployment web", aLongDeployment)
			s.awaitCache(s.get(deployment))
			by(s)
			s.wantApply("healed Deployment web", aLongDeployment)
			s.wantField(deployment, int64(3), "spec", "replicas")
			s.awaitCache(s.get(deployment))
			s.wantQuiet(aLongDeployment)
		})
	}
}

// anotherSecond waits until the API server's clock shows another than that of our last
// write: it keeps the times of writes in seconds.
func (s *stage) anotherSecond() {
	s.Helper()
	entries := s.get(deployment).GetManagedFields()
	s.await("another second", func() bool { return time.Since(entries[0].Time.Time) >= time.Second })
}

func TestSummarizeIsIdempotent(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aLongDeployment)
	object := s.get(deployment)
	apply.Summarize(object)
	once := object.DeepCopy()
	apply.Summarize(object) // An informer may do so twice.
	if apply.Drifted(once, object) || len(object.GetManagedFields()) != 1 {
		t.Errorf("managed fields became %v", object.GetManagedFields())
	}
}
