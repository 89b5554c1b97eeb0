package dashboard_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestDeploymentsInEachLook(t *testing.T) {
	s := newServer(t)
	title := map[string]string{"en": "Deployments · NuFi", "ko": "배포 · NuFi"}
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			tab.visit("/")
			if got := eval[string](tab, "document.title"); got != title[look.language] {
				t.Errorf("the title is %q", got)
			}
			if got := eval[int](tab, "document.querySelectorAll('tbody tr').length"); got != 5 {
				t.Errorf("there are %d rows", got)
			}
			tab.wantNoReports()
			tab.wantAccessible()
			if look == looks()[0] {
				tab.screenshot("dashboard-deployments")
			}
			tab.do(chromedp.Click(chromedp.CSS("[data-all]")))
			tab.submit("button[value=delete]")
			tab.wantAccessible()
			tab.wantNoReports()
		})
	}
}

func TestHostileTextIsShownAsText(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/?q=qwen")
	if got := tab.text("tbody td.why"); !strings.Contains(got, hostile) {
		t.Errorf("the reason is %q", got)
	}
	tab.wantNone("img, script:not([src])")
	tab.wantNoReports()
}

func TestUserSeesOnlyTheirOwnNamespace(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "vic", looks()[0])
	tab.visit("/")
	if got := eval[int](tab, "document.querySelectorAll('tbody tr').length"); got != 3 {
		t.Errorf("there are %d rows", got)
	}
	for _, page := range []string{"devices", "projects", "templates", "me?namespace=ml", "deployments/ml/llama-8b", "deployments/ml/llama-8b/manifests"} {
		tab.visit("/" + page)
		tab.wantNone(".problem, main > .notice.error")
	}
	tab.wantNoReports()
}

func TestDeploymentsAreFilteredByKeyboard(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "QWEN"+kb.Enter))
	tab.await(`location.search.includes("q=QWEN") && document.querySelectorAll("tbody tr").length === 1`)
	tab.do(chromedp.KeyEvent(kb.Tab))
	if got := eval[string](tab, "document.activeElement.textContent"); got != "Skip to content" {
		t.Errorf("the first stop is %q", got)
	}
	tab.do(chromedp.KeyEvent(kb.Enter))
	tab.await(`location.hash === "#content"`)
	tab.wantNoReports()
}
