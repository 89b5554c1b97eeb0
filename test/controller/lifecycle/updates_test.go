package lifecycle_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dudaji/nufi/controller"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

// pinned is an NpuDeploy with manual updates.
type pinned struct {
	*harness.Harness

	deploy *v1.NpuDeploy
}

func applyPinned(h *harness.Harness) pinned {
	h.Helper()
	h.Apply(strings.NewReplacer("name: web", "name: pinned", "spec:", "spec:\n  updates: Manual").Replace(manifest))
	p := pinned{h, h.NpuDeploy("pinned")}
	h.AwaitCondition(p.deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
	return p
}

// requestUpdate requests a set of templates, as nufi rollout update does.
func (p pinned) requestUpdate(digest string) {
	p.Helper()
	p.Patch(p.NpuDeploy("pinned"), fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, v1.AnnotationUpdateTo, digest))
}

// awaitTemplates waits until the status names a set, and whether an update is available.
func (p pinned) awaitTemplates(digest string, update *v1.TemplateUpdate) {
	p.Helper()
	p.AwaitObject(p.deploy, "templates "+digest, func() bool {
		available := p.Condition(p.deploy, v1.ConditionUpdateAvailable)
		if p.deploy.Status.Templates != digest || (available != nil) != (update != nil) {
			return false
		}
		return update == nil && p.deploy.Status.Update == nil ||
			update != nil && p.deploy.Status.Update != nil && *p.deploy.Status.Update == *update && available.Reason == v1.ReasonUpdateInPlace
	})
}

// note returns the annotation that distinguishes the sets.
func (p pinned) note() string {
	p.Helper()
	return p.Find(service, "pinned").GetAnnotations()["example.com/note"]
}

func TestManualUpdateWaitsForARequest(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	before := templatesOf(h)
	p := applyPinned(h)
	f.policy("\tannotations: {}\n", "\tannotations: {\"example.com/note\": \"new\"}\n")
	awaitAnnotation(h, "example.com/note", "new")
	web := h.NpuDeploy("web")
	h.AwaitObject(web, "the new digest", func() bool { return web.Status.Templates != before })
	after := web.Status.Templates
	update := &v1.TemplateUpdate{Templates: after, Effect: "InPlace"}
	p.awaitTemplates(before, update)
	if p.note() != "" {
		t.Error("the new templates are applied without a request")
	}

	// A restarted controller, and a changed spec, use the earlier set.
	c.AwaitQuiet(h, h.Namespace, quietTime)
	h.Must(c.Stop())
	c = controllertest.Start(h, controller.Options{TemplatesDir: f.path, Pod: podOf(h), Log: f.log.logger()})
	h.Patch(h.NpuDeploy("pinned"), `{"spec": {"service": {"port": 8080}}}`)
	object := h.Object(service, "pinned")
	h.AwaitObject(object, "its new port", func() bool { return strings.Contains(fmt.Sprint(object.Object["spec"]), "8080") })
	c.AwaitQuiet(h, h.Namespace, quietTime)
	p.awaitTemplates(before, update)
	if p.note() != "" {
		t.Error("a restart or a change of the spec applied the new templates")
	}

	p.requestUpdate(after)
	p.awaitTemplates(after, nil)
	if p.note() != "new" {
		t.Error("the requested templates are not applied")
	}
	p.requestUpdate(before) // An earlier set can be requested too.
	p.awaitTemplates(before, update)
	if p.note() != "" {
		t.Error("the earlier templates are not applied")
	}
	p.requestUpdate("sha256:000000000000") // It is not kept: the current set stays.
	c.AwaitQuiet(h, h.Namespace, quietTime)
	p.awaitTemplates(before, update)
	const unknown = "templates sha256:000000000000, which were requested, are not stored"
	if message := p.Condition(p.deploy, v1.ConditionUpdateAvailable).Message; !strings.HasPrefix(message, unknown) {
		t.Errorf("message %q", message)
	}

	// Without the stored set of its manifests, nothing changes.
	h.Must(c.Stop())
	digits := strings.TrimPrefix(before, "sha256:")
	h.Delete(&appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: podOf(h).Namespace, Name: "nufi-templates-" + digits}})
	controllertest.Start(h, controller.Options{TemplatesDir: f.path, Pod: podOf(h), Log: f.log.logger()})
	message := h.AwaitCondition(p.deploy, v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonTemplatesUnusable).Message
	if !strings.Contains(message, "templates "+before+" are not stored any more") || p.note() != "" {
		t.Errorf("message %q, note %q", message, p.note())
	}

	h.Patch(h.NpuDeploy("pinned"), `{"spec": {"updates": "Automatic"}}`)
	p.awaitTemplates(after, nil)
	if p.note() != "new" {
		t.Error("automatic updates do not apply the serving templates")
	}
}

// Stored sets may be of another version of the controller: these do not compile. One is in use.
func TestStoredTemplatesAreKeptWhileTheyAreUsed(t *testing.T) {
	h := harness.New(t)
	stored := func(number int64) *appsv1.ControllerRevision {
		digits := fmt.Sprintf("%012d", number)
		return &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: podOf(h).Namespace, Name: "nufi-templates-" + digits, Labels: map[string]string{"dudaji.com/templates": digits},
			},
			Data: runtime.RawExtension{Raw: []byte(`{"archive": ""}`)}, Revision: number,
		}
	}
	h.ControllerConfig() // It creates the namespace.
	for number := range int64(12) {
		h.Create(stored(100 + number))
	}
	h.Apply(strings.NewReplacer("name: web", "name: pinned", "spec:", "spec:\n  updates: Manual").Replace(manifest))
	pinned{h, h.NpuDeploy("pinned")}.requestUpdate("sha256:000000000100")
	startApplied(h, controller.Options{Pod: podOf(h)})

	p := pinned{h, h.NpuDeploy("pinned")}
	message := h.AwaitCondition(p.deploy, v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonTemplatesUnusable).Message
	if !strings.Contains(message, "sha256:000000000100 cannot be used by this version of the controller") {
		t.Errorf("message %q", message)
	}
	h.AwaitCondition(p.deploy, v1.ConditionUpdateAvailable, metav1.ConditionTrue, v1.ReasonUpdateRestarts)
	for number, want := range map[int64]bool{100: true, 101: false, 103: true, 111: true} {
		if got := h.Get(stored(number)); got != want {
			t.Errorf("set %d is kept: %t, want %t", number, got, want)
		}
	}
	p.requestUpdate(templatesOf(h))
	h.AwaitCondition(p.deploy, v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
}
