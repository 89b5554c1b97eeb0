package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	check := func(path, stage, reason string) {
		t.Run(reason, func(t *testing.T) {
			tab := open(t, s, "ann", looks()[0])
			tab.visit(path)
			if got := tab.text("[aria-current=step] b"); got != stage {
				t.Errorf("it stops at %q, want %s", got, stage)
			}
			if got := tab.text(".holdup"); !strings.HasPrefix(got, stage+" "+reason) {
				t.Errorf("the reason is %q, want %s", got, reason)
			}
			tab.wantNone("img, script:not([src])")
			tab.wantNoReports()
			tab.wantAccessible()
			if reason == v1.ReasonNoFreeDevice {
				if got := tab.text(".shortage"); !strings.Contains(got, "32 ATOM") || !strings.Contains(got, "npu-node-") || !strings.Contains(got, "16 ml/llama-8b") {
					t.Errorf("the devices are %q", got)
				}
				tab.screenshot("dashboard-deployment")
			}
		})
	}
	check("/deployments/ml/llama-70b", "Scheduled", v1.ReasonNoFreeDevice)
	check("/deployments/ml/qwen-7b", "Started", v1.ReasonCrashLoop)
	check("/deployments/search/solar-10b", "Rendered", v1.ReasonInvalidSpec)
	s.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: unpulled, namespace: ml}, spec: {
		model: org/model, accelerator: {type: atom, count: 1}, podMetadata: {annotations: {nufi.test/status: manual}}}}`)
	setContainer(s.Harness, "unpulled", corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "ImagePullBackOff", Message: "Back-off pulling image",
	}}}, v1.ReasonImagePull)
	check("/deployments/ml/unpulled", "Pulled", v1.ReasonImagePull)
	s.Delete(s.NpuDeploy("unpulled"))
	s.AwaitGone(s.NpuDeploy("unpulled"))
}

func TestReadyDeploymentShowsTheTimeOfEachStage(t *testing.T) {
	s := newServer(t)
	pods := &corev1.PodList{}
	s.Must(s.Client.List(t.Context(), pods, client.InNamespace("ml"), client.MatchingLabels{v1.LabelDeploy: "llama-8b"}))
	pulled := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ml", Name: "pulled"}, Type: corev1.EventTypeNormal, Reason: "Pulled",
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", Namespace: "ml", Name: pods.Items[0].Name, UID: pods.Items[0].UID, FieldPath: "spec.containers{server}",
		},
		LastTimestamp: metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	s.Create(pulled)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/llama-8b")
	tab.wantNone("[aria-current=step], .holdup")
	if got := eval[int](tab, `document.querySelectorAll(".stages .Done time").length`); got != 7 {
		t.Errorf("%d stages have times: %q", got, tab.text(".stages"))
	}
	if got := eval[string](tab, `document.querySelectorAll(".stages time")[3].dateTime`); got != "2026-01-02T03:04:05Z" {
		t.Errorf("the images were pulled at %s", got)
	}
	s.Delete(pulled)
	tab.visit("/deployments/ml/llama-8b")
	tab.wantNone(".stages li:nth-child(4) time")
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

func TestTabsKeepThePositionOfThePage(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", look{"en", false, phone})
	tab.visit("/deployments/ml/llama-8b")
	eval[bool](tab, `document.querySelector(".tabs").scrollIntoView() === undefined`)
	before := eval[float64](tab, "window.scrollY")
	if before < 100 {
		t.Fatalf("the tabs are on the first screen, at %v", before)
	}
	tab.submit(`.tabs [href*="/spec"]`)
	// A shorter page cannot scroll as far.
	tab.await(fmt.Sprintf("window.scrollY > 100 && Math.abs(window.scrollY - Math.min(%v, document.documentElement.scrollHeight - innerHeight)) < 2", before))
	tab.visit("/deployments/ml/qwen-7b")
	if got := eval[float64](tab, "window.scrollY"); got != 0 {
		t.Errorf("another page begins at %v", got)
	}
	tab.wantNoReports()
}
