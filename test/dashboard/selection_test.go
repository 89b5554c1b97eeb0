package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/dudaji/nufi/test/harness/apitest"
)

// applyDrafts creates deployments of the project ml that the controller has applied.
func applyDrafts(s *apitest.Server, names ...string) {
	s.Helper()
	for _, name := range names {
		s.Apply(strings.ReplaceAll(draft, "NAME", name))
		s.AwaitObject(s.NpuDeploy(name), "its objects", func() bool { return true })
	}
}

func TestSeveralDeploymentsAreChangedWithoutScript(t *testing.T) {
	s := newServer(t)
	applyDrafts(s, "several-a", "several-b")
	tab := open(t, s, "ann", looks()[0])
	call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	choose := func(action string) {
		tab.visit("/?q=several")
		for _, name := range []string{"several-a", "several-b"} {
			tab.do(chromedp.Click(chromedp.CSS(`input[value="ml/` + name + `"]`)))
		}
		tab.do(chromedp.Click(chromedp.CSS(`button[value=` + action + `]`)))
		tab.await(`document.querySelectorAll("tbody tr").length === 2 && document.querySelector(".confirm")`)
	}
	submit := func(want string) {
		tab.do(chromedp.Click(chromedp.CSS(".confirm .buttons button")))
		tab.await(`document.querySelectorAll("tbody .state.` + want + `").length === 2`)
	}
	choose("restart")
	submit("Ready")
	for _, name := range []string{"several-a", "several-b"} {
		deploy := s.NpuDeploy(name)
		if s.Get(deploy); deploy.Spec.PodMetadata == nil || deploy.Spec.PodMetadata.Annotations["dudaji.com/restarted-at"] == "" {
			t.Errorf("the spec of %s has %v", name, deploy.Spec.PodMetadata)
		}
	}
	choose("scale")
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=replicas]"), "0"))
	submit("Ready")
	choose("delete")
	if got := tab.text("tbody"); !strings.Contains(got, "Deployment several-a") {
		t.Errorf("what goes is %q", got)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=confirm]"), "2"))
	submit("Ready")
	s.AwaitGone(s.NpuDeploy("several-a"))
	s.AwaitGone(s.NpuDeploy("several-b"))
	tab.wantNoReports()
}

func TestSelectionShowsWhatIsMissing(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/?sort=namespace")
	tab.do(chromedp.Click(chromedp.CSS("[data-all]")), chromedp.Click(chromedp.CSS("button[value=delete]")))
	tab.await(`document.querySelectorAll("tbody tr").length === 5 && document.querySelectorAll(".confirm [name=select]").length === 3`)
	if got := tab.text("tbody"); !strings.Contains(got, "delete npudeploys.dudaji.com") {
		t.Errorf("the selection is %q", got)
	}
	tab.wantAccessible()
	tab.wantNoReports()
	s.Do("ann", http.MethodPost, "/selection/delete", "select=ml/qwen-7b&confirm=2", "Content-Type", "application/x-www-form-urlencoded").Want(http.StatusUnprocessableEntity)
}

func TestAddressIsCopied(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/?q=llama-8b")
	tab.do(chromedp.Click(chromedp.CSS("[data-copy]")))
	tab.await(`document.querySelector("#announce").textContent.includes("llama-8b.nufi.me")`)
	tab.wantNoReports()
}
