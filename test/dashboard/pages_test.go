package dashboard_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestOtherPagesInEachLook(t *testing.T) {
	s := newServer(t)
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			for _, page := range []string{"devices", "projects", "templates"} {
				tab.visit("/" + page)
				if got := eval[int](tab, "document.querySelectorAll('header [aria-current=page]').length"); got != 1 {
					t.Errorf("%s has %d current pages", page, got)
				}
				tab.wantNoReports()
				tab.wantAccessible()
				if look == looks()[0] && page == "devices" {
					tab.screenshot("dashboard-devices")
				}
			}
		})
	}
}

func TestDevicesAreShownByNode(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/devices")
	if got := eval[int](tab, "document.querySelectorAll('.cells .cell').length"); got != 32 {
		t.Errorf("there are %d cells", got)
	}
	if got := eval[int](tab, "document.querySelectorAll('.cells .Held').length"); got != 20 {
		t.Errorf("%d devices are held", got)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "ml/qwen"+kb.Enter))
	tab.await(`location.search.includes("q=ml") && document.querySelectorAll(".nodes > li").length === 1`)
	tab.do(chromedp.Click(chromedp.CSS(`.holders a[href*="qwen-7b"]`)))
	tab.await(`document.querySelector("h1").textContent === "qwen-7b"`)
}

func TestProjectsShowMembersAndQuota(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/projects")
	if got := tab.text(".nodes"); !strings.Contains(got, "Computer vision") || !strings.Contains(got, "0 / 8") || !strings.Contains(got, "Editor") {
		t.Errorf("the project is %q", got)
	}
	tab = open(t, s, "vic", looks()[0])
	tab.visit("/projects")
	tab.wantNone(".nodes")
}
