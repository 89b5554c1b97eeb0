package dashboard_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// It is the last test of the package: the others' control plane stops meanwhile.
func TestPagesShowHowOldTheyAreWhileKubernetesIsUnreachable(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/llama-8b")
	tab.visit("/")
	awaitStreams(s, 1)
	eval[bool](tab, "window.sameDocument = true")
	s.Must(s.Cluster().StopAPIServer())
	tab.await(`document.querySelector("#stale").textContent.includes("This page shows the state of") && window.sameDocument`)
	tab.wantAccessible()
	tab.wantNoReports()
	tab.visit("/deployments/ml/llama-8b")
	if got := tab.text("#stale"); !strings.Contains(got, "Kubernetes is unreachable") {
		t.Errorf("the page says %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=restart]")), chromedp.Click(chromedp.CSS("#restart .primary")))
	tab.await(`document.querySelector("[role=alert]")`)
	tab.visit("/")
	s.Must(s.Cluster().StartAPIServer(t.Context()))
	tab.await(`document.querySelector("#stale").hidden`)
}
