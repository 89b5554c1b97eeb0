package lifecycle_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

// folder is a directory of templates that a controller watches.
type folder struct {
	*harness.Harness

	path string
	log  *logLines // of the controller
}

// logLines collects log lines.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) logger() logr.Logger {
	return funcr.New(func(_, line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	}, funcr.Options{})
}

// with returns the lines that contain text.
func (l *logLines) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool { return !strings.Contains(line, text) })
}

func (l *logLines) count(text string) int { return len(l.with(text)) }

func (l *logLines) contain(text string) bool { return l.count(text) > 0 }

// startWithFolder starts a controller on a copy of the templates, and applies the manifest
// with it.
func startWithFolder(h *harness.Harness) (folder, *controllertest.Controller) {
	h.Helper()
	f := folder{h, h.TempDir(), &logLines{}}
	h.Must(os.CopyFS(f.path, nufi.Module()))
	return f, startQuiet(h, controller.Options{TemplatesDir: f.path, Pod: podOf(h), Log: f.log.logger()})
}

// awaitProbes returns the URL of the controller's probes, whose port only the log has.
func (f folder) awaitProbes() string {
	f.Helper()
	var address []string
	f.Await("the address of the probes", func() bool {
		text := strings.Join(f.log.with("health probe"), "\n")
		address = regexp.MustCompile(`"addr"="([^"]+)"`).FindStringSubmatch(text)
		return address != nil
	})
	return "http://" + address[1]
}

// podOf returns the name of the controller's pod, on which it records events.
func podOf(h *harness.Harness) types.NamespacedName {
	return types.NamespacedName{Namespace: "nufi-system", Name: h.Namespace}
}

// write replaces a file in one step.
func (f folder) write(name, content string) {
	f.Helper()
	temporary := filepath.Join(f.TempDir(), "file")
	f.Must(os.WriteFile(temporary, []byte(content), 0o600))
	f.Must(os.Rename(temporary, filepath.Join(f.path, name)))
}

// policy replaces a part of the policy.
func (f folder) policy(before, after string) {
	f.Helper()
	content, err := os.ReadFile(filepath.Join(f.path, "schemas/policy/policy.cue"))
	f.Must(err)
	changed := strings.Replace(string(content), before, after, 1)
	if changed == string(content) {
		f.Fatalf("the policy does not have %q", before)
	}
	f.write("schemas/policy/policy.cue", changed)
}

func TestValidTemplatesReplaceTheServingOnes(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	before, written := templatesOf(h), len(c.Writes(h.Namespace))
	f.policy("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"new\"}\n")
	awaitAnnotation(h, "example.com/note", "new")
	web := h.NpuDeploy("web")
	h.AwaitObject(web, "the new digest", func() bool { return web.Status.Templates != before })
	c.AwaitQuiet(h, h.Namespace, quietTime)
	children := 0
	for _, line := range c.Writes(h.Namespace)[written:] {
		if !strings.Contains(line, "/npudeploys/") && !strings.Contains(line, "/events") {
			children++
		}
	}
	if children != 3 { // the ServiceAccount, the Service and the Deployment
		t.Errorf("%d writes for 3 changed objects: %v", children, c.Writes(h.Namespace)[written:])
	}
}

func TestInvalidTemplatesAreNotServed(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	digest, written := templatesOf(h), len(c.Writes(h.Namespace))
	f.policy("\tannotations: {}\n", "\tannotations: {broken\n")
	h.Await("the rejection", func() bool { return c.Metric(h, "nufi_templates_rejected_total") == 1 })
	awaitRejections(h, 1)
	h.Await("the log line", func() bool { return f.log.contain("schemas/policy/policy.cue:") })
	if writes := c.Writes(h.Namespace)[written:]; len(writes) > 0 {
		t.Errorf("the controller wrote %v", writes)
	}
	if got := templatesOf(h); got != digest {
		t.Errorf("templates %s serve, want %s", got, digest)
	}
	f.policy("\tannotations: {broken\n", "\tannotations: {also\n")
	awaitRejections(h, 2)
	f.policy("\tannotations: {also\n", "\tannotations: {fixed: \"yes\"}\n")
	awaitAnnotation(h, "fixed", "yes")
}

// awaitRejections waits for an event on the controller's pod for each of several sets.
func awaitRejections(h *harness.Harness, sets int) {
	h.Helper()
	h.Await("the events on the controller's pod", func() bool {
		events := &corev1.EventList{}
		h.Must(h.Client.List(h.Context(), events, client.InNamespace(podOf(h).Namespace),
			client.MatchingFields{"involvedObject.name": podOf(h).Name, "reason": v1.ReasonInvalidTemplate}))
		messages := map[string]bool{}
		for i := range events.Items {
			messages[events.Items[i].Message] = strings.Contains(events.Items[i].Message, "schemas/policy/policy.cue:")
		}
		return len(messages) == sets && !slices.Contains(slices.Collect(maps.Values(messages)), false)
	})
}

// There is no older set to serve at a start: what runs stays until the templates are fixed.
func TestInvalidTemplatesAtTheStartAreNotServed(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	h.Must(c.Stop())
	const extra = "schemas/workload/extra.cue"
	f.write(extra, "package workload\n\nobjects: extra: {apiVersion: \"v1\", kind: \"Secret\", metadata: {name: _values.name, namespace: _values.namespace}}\n")
	c = controllertest.Start(h, controller.Options{TemplatesDir: f.path, Log: f.log.logger(), ProbeAddress: "127.0.0.1:0"})
	probes := f.awaitProbes()
	h.AwaitURL(probes+"/healthz", "ok")
	h.Apply(strings.Replace(manifest, "replicas: 1", "replicas: 2", 1))
	rendered := h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonInvalidTemplate)
	if !strings.Contains(rendered.Message, "may not render Secret") {
		t.Errorf("message %q", rendered.Message)
	}
	if n := c.Metric(h, "nufi_templates_rejected_total"); n != 1 {
		t.Errorf("%v sets were rejected, want 1", n)
	}
	if answer, err := harness.Fetch(t.Context(), probes+"/readyz"); err == nil || !strings.Contains(answer, "[-]templates failed") {
		t.Errorf("the controller is ready: %s (%v)", answer, err)
	}
	if !f.log.contain("Nothing is applied until") {
		t.Error("no line of the log reports it")
	}
	for _, write := range c.Writes(h.Namespace) {
		if !strings.HasSuffix(write, "/npudeploys/web/status") && !strings.Contains(write, "/events") {
			t.Errorf("the controller wrote %s", write)
		}
	}
	f.write(extra, "package workload\n")
	h.AwaitURL(probes+"/readyz", "ok")
	awaitApplied(h)
}

// A namespace that is being deleted accepts no new objects: neither templates that add one nor their rollout fail.
func TestTemplatesAreServedWhileANamespaceIsDeleted(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	// A pod with a finalizer keeps the other objects: Kubernetes deletes pods first.
	h.Await("a pod", func() bool { return len(h.Pods()) > 0 })
	pod := &h.Pods()[0]
	h.Patch(pod, `{"metadata":{"finalizers":["example.com/test"]}}`)
	defer h.Patch(pod, `{"metadata":{"finalizers":null}}`)
	h.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: h.Namespace}})
	f.write("schemas/workload/extra.cue", "package workload\n\nobjects: extra: {apiVersion: \"v1\", kind: \"ServiceAccount\", metadata: {name: _values.name + \"-extra\", namespace: _values.namespace}}\n")
	applied := h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionFalse, v1.ReasonTerminating)
	if applied.Message != "ServiceAccount web-extra: its namespace is being deleted" {
		t.Errorf("message %q", applied.Message)
	}
	if n := c.Metric(h, "nufi_templates_rejected_total"); n != 0 {
		t.Errorf("%v sets were rejected", n)
	}
}

// awaitAnnotation waits until web's Service has an annotation.
func awaitAnnotation(h *harness.Harness, key, value string) {
	h.Helper()
	object := h.Object(service, "web")
	h.AwaitObject(object, "the annotation "+key, func() bool { return object.GetAnnotations()[key] == value })
}

// Each of these sets compiles and renders. If one of them served, no object of any deployment
// could be applied.
func TestTemplatesThatCannotBeAppliedAreNotServed(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	digest := templatesOf(h)
	for i, candidate := range []struct{ name, objects, want string }{
		{
			"a cluster role",
			`extra: {apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: name: _values.name}`,
			"may not render ClusterRole",
		},
		{
			"an object of another namespace",
			`extra: {apiVersion: "v1", kind: "Service", metadata: {name: _values.name, namespace: "kube-system"}}`,
			"Service web: its namespace is",
		},
		{
			"an object twice",
			`extra: {apiVersion: "v1", kind: "ServiceAccount", metadata: {name: "extra", namespace: _values.namespace}}, again: extra`,
			"ServiceAccount extra: rendered twice",
		},
		{
			"200 objects",
			`for i in list.Range(0, 200, 1) {"extra-\(i)": {apiVersion: "v1", kind: "ServiceAccount", metadata: {name: "extra-\(i)", namespace: _values.namespace}}}`,
			"objects and may render 32",
		},
		{
			"a value that the API server rejects",
			`extra: {apiVersion: "v1", kind: "Service", metadata: {name: "extra", namespace: _values.namespace}, spec: ports: [{port: 99999}]}`,
			"spec.ports[0].port",
		},
	} {
		t.Log(candidate.name)
		imports := ""
		if strings.Contains(candidate.objects, "list.") {
			imports = "import \"list\"\n\n"
		}
		f.write("schemas/workload/extra.cue", "package workload\n\n"+imports+"objects: {"+candidate.objects+"}\n")
		h.Await("the rejection", func() bool { return c.Metric(h, "nufi_templates_rejected_total") == float64(i+1) })
		h.Await("the log line", func() bool { return f.log.contain(candidate.want) })
		if got := templatesOf(h); got != digest {
			t.Errorf("templates %s serve, want %s", got, digest)
		}
	}
	awaitReplaced(h, deleteService(h))
	h.Apply(strings.Replace(manifest, "name: web", "name: new", 1))
	h.AwaitCondition(h.NpuDeploy("new"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	if extra := h.Object(service, "extra"); h.Get(extra) {
		t.Error("a dry run created an object")
	}
}
