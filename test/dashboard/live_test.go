package dashboard_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func TestScriptHasNoTypeErrors(t *testing.T) {
	command := exec.CommandContext(t.Context(), "npx", "tsc", "-p", "../../apiserver/dashboard/script")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("run npm ci: %v\n%s", err, output)
	}
}

const draft = `{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: NAME, namespace: ml}, spec: {
  model: org/NAME, accelerator: {type: atom, count: 1}}}`

func TestRowsChangeWithoutAReload(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	eval[bool](tab, "window.sameDocument = true")
	s.Apply(strings.ReplaceAll(draft, "NAME", "live"))
	tab.await(`document.querySelector("#deployment-ml-live .state.Ready")`)
	tab.await(`document.querySelector("[data-count=Ready]").textContent === "2" && document.querySelector("[data-count=All]").textContent === "6"`)
	tab.do(chromedp.Focus(chromedp.CSS("#deployment-ml-live a.name")))
	s.Patch(s.NpuDeploy("live"), `{"spec": {"inferenceServer": {"replicas": 0}}}`)
	tab.await(`document.querySelector("#deployment-ml-live .state.ScaledDown")`)
	if got := eval[string](tab, "document.activeElement.textContent"); got != "live" {
		t.Errorf("the focus is at %q", got)
	}
	s.Delete(s.NpuDeploy("live"))
	tab.await(`document.querySelector("#deployment-ml-live") === null`)
	tab.await(`document.querySelector("[data-count=ScaledDown]").textContent === "1" && document.querySelector("[data-count=All]").textContent === "5" && window.sameDocument`)
	tab.wantNoReports()
}

func TestPageOfADeploymentChangesUntilItIsDeleted(t *testing.T) {
	s := newServer(t)
	s.Apply(strings.ReplaceAll(draft, "NAME", "detail"))
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/detail")
	tab.await(`document.querySelector(".pill.Ready") && document.querySelectorAll("tbody tr").length === 1`)
	s.Patch(s.NpuDeploy("detail"), `{"spec": {"inferenceServer": {"replicas": 0}}}`)
	tab.await(`document.querySelector(".pill.ScaledDown")`)
	tab.wantNoReports()
	s.Delete(s.NpuDeploy("detail"))
	tab.await(`document.querySelector("h1").textContent.startsWith("404")`)
}

func TestOtherPagesChangeWithoutAReload(t *testing.T) {
	s := newServer(t)
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "vision"}}
	for path, test := range map[string]struct {
		change func()
		shown  string // an expression
	}{
		"/projects": {func() { s.Patch(project, `{"spec": {"displayName": "Vision and images"}}`) }, `document.querySelector("main").innerText.includes("Vision and images")`},
		"/devices": {func() {
			s.Patch(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "npu-node-2"}}, `{"spec": {"unschedulable": true}}`)
		}, `document.querySelector(".nodes .Degraded")`},
		"/templates": {func() {
			s.Apply(strings.ReplaceAll(draft, "NAME", "counted"))
			s.AwaitObject(s.NpuDeploy("counted"), "its objects", func() bool { return true })
		}, `document.querySelector("main").innerText.includes("\t5\t")`},
	} {
		tab := open(t, s, "ann", looks()[0])
		tab.visit(path)
		eval[bool](tab, "window.sameDocument = true")
		awaitStreams(s, 1)
		test.change()
		tab.await(test.shown + " && window.sameDocument")
		tab.wantNoReports()
		tab.do(chromedp.Navigate("about:blank"))
		awaitStreams(s, 0)
	}
	s.Patch(project, `{"spec": {"displayName": "Computer vision"}}`)
	s.Patch(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "npu-node-2"}}, `{"spec": {"unschedulable": null}}`)
	s.Delete(s.NpuDeploy("counted"))
	s.AwaitGone(s.NpuDeploy("counted"))
}

// hide makes the tab hidden or visible for its page.
func hide(tab *tab, hidden string) {
	tab.Helper()
	eval[bool](tab, `Object.defineProperty(document, "hidden", {value: `+hidden+`, configurable: true})
		&& document.dispatchEvent(new Event("visibilitychange"))`)
}

func TestStreamIsClosedWhileTheTabIsHidden(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	awaitStreams(s, 1)
	hide(tab, "true")
	awaitStreams(s, 0)
	s.Apply(strings.ReplaceAll(draft, "NAME", "meanwhile"))
	hide(tab, "false")
	tab.await(`document.querySelector("#deployment-ml-meanwhile")`)
	awaitStreams(s, 1)
	s.Delete(s.NpuDeploy("meanwhile"))
	s.AwaitGone(s.NpuDeploy("meanwhile"))
}

// The stream would report the deletion that a form requests, and reload the page before its response.
func TestStreamIsClosedWhenAFormIsSent(t *testing.T) {
	s := newServer(t)
	s.Apply(strings.ReplaceAll(draft, "NAME", "leaving"))
	s.AwaitObject(s.NpuDeploy("leaving"), "its objects", func() bool { return true })
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/leaving")
	awaitStreams(s, 1)
	eval[bool](tab, `(window.sameDocument = true) && document.querySelector("#delete form").dispatchEvent(new Event("submit", {bubbles: true}))`)
	awaitStreams(s, 0)
	s.Delete(s.NpuDeploy("leaving"))
	s.AwaitGone(s.NpuDeploy("leaving"))
	if !eval[bool](tab, "window.sameDocument === true") {
		t.Error("the page was reloaded")
	}
}

// A browser drops a click whose element is replaced between the press and the release.
func TestClickIsKeptWhileThePageChanges(t *testing.T) {
	s := newServer(t)
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "vision"}}
	tab := open(t, s, "pat", looks()[0])
	tab.visit("/projects/vision")
	awaitStreams(s, 1)
	at := eval[struct{ X, Y, Width, Height float64 }](tab, `document.querySelector("[popovertarget=delete]").getBoundingClientRect().toJSON()`)
	mouse := func(event input.DispatchMouseEventType) {
		tab.do(chromedp.MouseEvent(event, at.X+at.Width/2, at.Y+at.Height/2, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	}
	mouse(chromedp.MousePressed)
	s.Patch(project, `{"spec": {"displayName": "Vision and images"}}`)
	tab.await(`performance.getEntriesByType("resource").some((entry) => entry.name === location.href)`)
	eval[bool](tab, `new Promise((resolve) => setTimeout(() => resolve(true)))`)
	mouse(chromedp.MouseReleased)
	tab.await(`document.querySelector("#delete").matches(":popover-open")`)
	tab.await(`document.querySelector("h1").textContent === "Vision and images"`)
	s.Patch(project, `{"spec": {"displayName": "Computer vision"}}`)
}

// awaitStreams waits until so many streams are open.
func awaitStreams(s *apitest.Server, count float64) {
	s.Helper()
	s.Await(fmt.Sprint(count, " open streams"), func() bool {
		families, err := s.Registry.Gather()
		s.Must(err)
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "nufi_apiserver_streams" })
		return i >= 0 && families[i].GetMetric()[0].GetGauge().GetValue() == count
	})
}

func TestKeysAreShown(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	tab.do(chromedp.KeyEvent("?"))
	tab.await(`document.querySelector("#keys").matches(":popover-open")`)
	tab.wantAccessible()
	tab.do(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("/"))
	tab.await(`document.activeElement.name === "q"`)
}
