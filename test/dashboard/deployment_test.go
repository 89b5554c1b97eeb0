package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestTabsOfADeploymentInEachLook(t *testing.T) {
	s := newServer(t)
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			for _, name := range []string{"", "/traffic", "/events", "/logs", "/manifests", "/spec"} {
				tab.visit("/deployments/ml/llama-8b" + name)
				tab.wantNoReports()
				tab.wantAccessible()
				if name == "/manifests" && look == looks()[0] {
					wantOrigins(tab)
				}
			}
		})
	}
}

// wantOrigins checks that the manifests have the origins of their fields.
func wantOrigins(tab *tab) {
	tab.Helper()
	eval[bool](tab, `document.querySelectorAll("details.fields").forEach((fields) => { fields.parentElement.open = fields.open = true; }) === undefined`)
	for _, want := range []string{"User", "Policy ", "Fact of the vendor ", "Template "} {
		if !eval[bool](tab, fmt.Sprintf(`[...document.querySelectorAll("details.fields tbody tr")].some((row) => row.cells[2].textContent.startsWith(%q))`, want)) {
			tab.Errorf("no field has the origin %q", want)
		}
	}
}

func TestDeploymentShowsWhereItStops(t *testing.T) {
	s := newServer(t)
	s.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: unpulled, namespace: ml}, spec: {
		model: org/model, accelerator: {type: atom, count: 1}, podMetadata: {annotations: {nufi.test/status: manual}}}}`)
	setContainer(s.Harness, "unpulled", corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "ImagePullBackOff", Message: "Back-off pulling image",
	}}}, v1.ReasonImagePull)
	for name, test := range map[string]struct{ path, stage, reason string }{
		"waiting for devices": {"/deployments/ml/llama-70b", "Scheduled", "NoFreeDevice"},
		"crashing":            {"/deployments/ml/qwen-7b", "Started", "CrashLoop"},
		"cannot pull":         {"/deployments/ml/unpulled", "Pulled", "ImagePull"},
		"invalid":             {"/deployments/search/solar-10b", "Rendered", "InvalidSpec"},
	} {
		t.Run(name, func(t *testing.T) {
			tab := open(t, s, "ann", looks()[0])
			tab.visit(test.path)
			if got := tab.text("[aria-current=step] b"); got != test.stage {
				t.Errorf("it stops at %q, want %s", got, test.stage)
			}
			if got := tab.text(".holdup"); !strings.HasPrefix(got, test.stage+" "+test.reason) {
				t.Errorf("the reason is %q, want %s", got, test.reason)
			}
			tab.wantNone("img, script:not([src])")
			tab.wantNoReports()
			tab.wantAccessible()
			if test.reason == "NoFreeDevice" {
				if got := tab.text(".shortage"); !strings.Contains(got, "32 ATOM") || !strings.Contains(got, "npu-node-") || !strings.Contains(got, "16 ml/llama-8b") {
					t.Errorf("the devices are %q", got)
				}
				tab.screenshot("dashboard-deployment")
			}
		})
	}
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/llama-8b")
	tab.wantNone("[aria-current=step], .holdup")
	s.Delete(s.NpuDeploy("unpulled"))
	s.AwaitGone(s.NpuDeploy("unpulled"))
}

func TestDeploymentIsScaledRestartedAndDeletedByKeyboard(t *testing.T) {
	s := newServer(t)
	s.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: draft, namespace: ml}, spec: {model: org/draft}}`)
	s.AwaitObject(s.NpuDeploy("draft"), "its objects", func() bool { return true })
	tab := open(t, s, "ann", looks()[0])
	press := func(action string) {
		tab.do(chromedp.Focus(chromedp.CSS("[popovertarget="+action+"]")), chromedp.KeyEvent(kb.Enter))
		tab.await(`document.querySelector("#` + action + `").matches(":popover-open")`)
	}
	tab.visit("/deployments/ml/draft")
	press("scale")
	tab.wantAccessible()
	tab.do(chromedp.SetValue(chromedp.CSS("#scale input[name=replicas]"), "3"), chromedp.KeyEvent(kb.Enter))
	tab.await(`document.querySelector(".notice.done")`)
	draft := s.NpuDeploy("draft")
	if s.Get(draft); draft.Spec.InferenceServer == nil || *draft.Spec.InferenceServer.Replicas != 3 {
		t.Errorf("the spec has %v", draft.Spec.InferenceServer)
	}
	press("restart")
	tab.do(chromedp.Focus(chromedp.CSS("#restart .primary")), chromedp.KeyEvent(kb.Enter))
	tab.await(`location.search.includes("done=restart")`)
	if s.Get(draft); draft.Spec.PodMetadata == nil || draft.Spec.PodMetadata.Annotations["dudaji.com/restarted-at"] == "" {
		t.Errorf("the spec has %v", draft.Spec.PodMetadata)
	}
	press("delete")
	tab.do(chromedp.KeyEvent("other" + kb.Enter)) // the browser rejects it by the pattern
	if !eval[bool](tab, `document.querySelector("#delete input:invalid") !== null`) {
		t.Error("another name is accepted")
	}
	tab.do(chromedp.SetValue(chromedp.CSS("#delete input[name=confirm]"), "draft"))
	tab.do(chromedp.Focus(chromedp.CSS("#delete .danger")), chromedp.KeyEvent(kb.Enter))
	tab.await(`location.pathname === "/"`)
	s.AwaitGone(draft)
	tab.wantNoReports()
}

func TestActionsOfAViewerNameTheMissingPermission(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "vic", looks()[0])
	tab.visit("/deployments/ml/llama-8b")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=restart]")))
	if got := tab.text("#restart"); !strings.Contains(got, "patch npudeploys.dudaji.com") {
		t.Errorf("the dialog is %q", got)
	}
	tab.do(chromedp.KeyEvent(kb.Escape), chromedp.Click(chromedp.CSS("[popovertarget=locked]")))
	if got := tab.text("#locked"); !strings.Contains(got, "npudeploys.dudaji.com in the project ml") {
		t.Errorf("the dialog is %q", got)
	}
	tab.wantNone("form[method=post], a[href*='/edit']")
	tab.wantAccessible()
	tab.visit("/")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=locked]")))
	if got := tab.text("#locked"); !strings.Contains(got, "create npudeploys.dudaji.com") {
		t.Errorf("the dialog is %q", got)
	}
	tab.wantAccessible()
	tab.visit("/deployments/search/solar-10b")
	if got := tab.text("main"); !strings.Contains(got, "403") || !strings.Contains(got, "get npudeploys.dudaji.com") {
		t.Errorf("the page is %q", got)
	}
}
