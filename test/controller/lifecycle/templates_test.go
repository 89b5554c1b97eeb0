package lifecycle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/controller/subject"
)

// folder is a directory of templates that a controller looks at.
type folder struct {
	*testing.T
	path string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	path := t.TempDir()
	if err := os.CopyFS(path, nufi.Module()); err != nil {
		t.Fatal(err)
	}
	return folder{t, path}
}

// write puts a file in place at once: nobody sees half of it.
func (f folder) write(name, content string) {
	f.Helper()
	aside := filepath.Join(f.TempDir(), "file")
	if err := os.WriteFile(aside, []byte(content), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(aside, filepath.Join(f.path, name)); err != nil {
		f.Fatal(err)
	}
}

// policy replaces a part of the policy.
func (f folder) policy(before, after string) {
	f.Helper()
	content, err := os.ReadFile(filepath.Join(f.path, "schemas/policy/policy.cue"))
	if err != nil {
		f.Fatal(err)
	}
	changed := strings.Replace(string(content), before, after, 1)
	if changed == string(content) {
		f.Fatalf("the policy does not have %q", before)
	}
	f.write("schemas/policy/policy.cue", changed)
}

func (s *scene) started(f folder) *subject.Subject {
	s.Helper()
	running := s.controller(controller.Options{TemplatesDir: f.path, Pod: podOf(s)})
	s.user(aDeploy)
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	running.Quiet(s, s.namespace, calm)
	return running
}

func TestValidTemplatesReplaceTheServingOnes(t *testing.T) {
	s, f := newScene(t), newFolder(t)
	running := s.started(f)
	before, wrote := s.deploy().Status.Templates, len(running.Writes(s.namespace))
	f.policy("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"new\"}\n")
	s.await("the annotation", func() bool { return s.find(service).GetAnnotations()["example.com/note"] == "new" })
	s.await("the new digest", func() bool { return s.deploy().Status.Templates != before })
	running.Quiet(t, s.namespace, calm)
	children := 0
	for _, line := range running.Writes(s.namespace)[wrote:] {
		if !strings.Contains(line, "/npudeploys/") && !strings.Contains(line, "/events") {
			children++
		}
	}
	if want := len(s.deploy().Status.Inventory); children != want {
		t.Errorf("%d writes for %d changed children: %v", children, want, running.Writes(s.namespace)[wrote:])
	}
}

// podOf is a pod of the controller for one scene, outside the scene's namespace.
func podOf(s *scene) types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: s.namespace}
}

func TestInvalidTemplatesAreNotServed(t *testing.T) {
	s, f := newScene(t), newFolder(t)
	running := s.started(f)
	digest, wrote := s.deploy().Status.Templates, len(running.Writes(s.namespace))
	f.policy("\tannotations: {}\n", "\tannotations: {\n")
	s.await("the rejection", func() bool { return running.Metric(t, "nufi_templates_rejected_total") == 1 })
	s.await("the event on the controller's pod", func() bool {
		events := &unstructured.UnstructuredList{}
		events.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "EventList"})
		if err := s.client.List(t.Context(), events, client.InNamespace(podOf(s).Namespace),
			client.MatchingFields{"involvedObject.name": podOf(s).Name, "reason": v1.ReasonInvalidTemplate}); err != nil {
			t.Fatal(err)
		}
		return len(events.Items) == 1 && strings.Contains(events.Items[0].Object["message"].(string), "schemas/policy/policy.cue:")
	})
	if now := running.Writes(s.namespace)[wrote:]; len(now) > 0 {
		t.Errorf("bad templates had %v written", now)
	}
	if got := s.deploy().Status.Templates; got != digest {
		t.Errorf("templates %s serve, want %s", got, digest)
	}
	f.policy("\tannotations: {\n", "\tannotations: {mended: \"yes\"}\n")
	s.await("the mended templates", func() bool { return s.find(service).GetAnnotations()["mended"] == "yes" })
}

func TestDisallowedTemplateWritesNothing(t *testing.T) {
	s, f := newScene(t), newFolder(t)
	running := s.started(f)
	f.write("schemas/workload/hostile.cue", `package workload

objects: hostile: {
	apiVersion: "v1"
	kind:       "Secret"
	metadata: {name: "hostile", namespace: "kube-system"}
}
`)
	condition := s.awaitReason(v1.ConditionApplied, v1.ReasonKindNotAllowed)
	if !strings.Contains(condition.Message, "Secret hostile") {
		t.Errorf("message %q", condition.Message)
	}
	running.Quiet(t, s.namespace, calm)
	for _, line := range append(running.Writes(s.namespace), running.Writes("kube-system")...) {
		if strings.Contains(line, "secrets") {
			t.Errorf("wrote %s", line)
		}
	}
	if s.find(corev1.SchemeGroupVersion.WithKind("Service")) == nil {
		t.Error("what ran before is gone")
	}
}
