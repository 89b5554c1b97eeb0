package dashboard_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// listed is the number of deployments of a long list, which no controller reconciles.
const listed = 1000

// viewer is a user who may only view the long list.
const viewer = "lee"

// populateList returns a server with a long list, which viewer may see.
func populateList(tb testing.TB) *apitest.Server {
	tb.Helper()
	h := harness.New(tb)
	h.Install("bundle/rbac/user_roles.yaml", "bundle/rbac/project_roles.yaml")
	h.Bind("nufi-project-viewer", h.Namespace, viewer)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range listed {
		group.Go(func() error {
			deploy := &v1.NpuDeploy{}
			deploy.Namespace, deploy.Name = h.Namespace, fmt.Sprintf("deploy-%04d", i)
			deploy.Spec.Model = "meta-llama/Llama-3.1-8B-Instruct"
			deploy.Spec.Accelerator = &v1.Accelerator{Type: "atom"}
			if err := h.Client.Create(tb.Context(), deploy); err != nil {
				return err
			}
			if _, isBenchmark := tb.(*testing.B); !isBenchmark {
				return nil // a test has no time to spare
			}
			deploy.Status.URL, deploy.Status.ReplicaSummary = "https://"+deploy.Name+".nufi.me", "1/1"
			return h.Client.Status().Update(tb.Context(), deploy)
		})
	}
	h.Must(group.Wait())
	h.AwaitAllowed(harness.User{Name: viewer}, "list dudaji.com/npudeploys", h.Namespace)
	s := apitest.Start(h)
	s.AwaitResponse("all deployments", func(r apitest.Response) bool {
		return r.Status == http.StatusOK && slices.Contains([]any{float64(listed)}, r.JSON()["summary"].(map[string]any)["total"])
	}, viewer, http.MethodGet, "/api/v1/npudeploys?limit=1", "")
	return s
}

// TestThousandDeploymentsArePagedSortedAndSearched is the first test of the package: no controller reconciles
// its deployments, which it deletes.
func TestThousandDeploymentsArePagedSortedAndSearched(t *testing.T) {
	s := populateList(t)
	tab := open(t, s, viewer, looks()[0])
	tab.visit("/?sort=-name")
	shows := func(rows int, first, footer string) {
		t.Helper()
		tab.await(fmt.Sprintf(`document.querySelectorAll("tbody tr").length === %d && document.querySelector("tbody .name").textContent === %q
			&& document.querySelector("footer").textContent.startsWith(%q)`, rows, first, footer))
	}
	shows(100, "deploy-0999", "1–100 of 1000")
	tab.wantAccessible()
	// A click could miss: rows that come into view are laid out, and move the footer.
	tab.visit(eval[string](tab, `document.querySelector("footer [rel=next]").getAttribute("href")`))
	shows(100, "deploy-0899", "101–200 of 1000")
	tab.do(chromedp.SendKeys(chromedp.CSS("input[name=q]"), "deploy-004"+kb.Enter))
	shows(10, "deploy-0049", "1–10 of 10")
	awaitStreams(s, 1)
	s.Patch(s.NpuDeploy("deploy-0042"), `{"spec": {"model": "org/changed"}}`)
	tab.await(`document.querySelector("#deployment-` + s.Namespace + `-deploy-0042").textContent.includes("org/changed")`)
	tab.wantNoReports()
	s.Must(s.Client.DeleteAllOf(t.Context(), &v1.NpuDeploy{}, client.InNamespace(s.Namespace)))
}

// BenchmarkFirstPaint measures, by Chromium's own entries, when the first page of 1,000 deployments is
// painted, and whether its layout shifts. In turns it measures the same page without rows, which shows
// how busy the cores are.
func BenchmarkFirstPaint(b *testing.B) {
	s := populateList(b)
	tab := open(b, s, viewer, looks()[0])
	tab.visit("/") // loads the script and the style, which the browser keeps
	var list, empty visits
	for b.Loop() {
		list.add(tab, "/", 100)
		empty.add(tab, "/?q=no-such-name", 0)
	}
	list.report(b, "")
	empty.report(b, "empty-")
	b.ReportMetric(percentile(list.paints, 50)/percentile(empty.paints, 50), "p50-ratio")
}

// visits are the times of visits of a page, in milliseconds, and the sum of their layout shifts.
type visits struct {
	responses, paints []float64
	shifts            float64
}

func (v *visits) add(tab *tab, path string, rows int) {
	tab.Helper()
	tab.visit(path)
	if got := eval[int](tab, "document.querySelectorAll('tbody tr').length"); got != rows {
		tab.Fatalf("there are %d rows", got)
	}
	tab.await(`performance.getEntriesByName("first-contentful-paint").length`)
	v.paints = append(v.paints, eval[float64](tab, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
	v.responses = append(v.responses, eval[float64](tab, `performance.getEntriesByType("navigation")[0].responseEnd`))
	v.shifts += eval[float64](tab, `new Promise((done) => {
		let sum = 0;
		new PerformanceObserver((list) => list.getEntries().forEach((e) => { sum += e.value; })).observe({ type: "layout-shift", buffered: true });
		setTimeout(() => done(sum), 100);
	})`)
}

func (v *visits) report(b *testing.B, name string) {
	b.Helper()
	for metric, times := range map[string][]float64{"response": v.responses, "paint": v.paints} {
		b.ReportMetric(percentile(times, 50), name+metric+"-p50-ms")
		b.ReportMetric(percentile(times, 95), name+metric+"-p95-ms")
	}
	b.ReportMetric(v.shifts, name+"layout-shift")
}

// percentile returns a percentile of times, which it leaves in their order.
func percentile(times []float64, percent int) float64 {
	return slices.Sorted(slices.Values(times))[len(times)*percent/100]
}

// BenchmarkChangeIsShown measures the time from a write until the page shows it.
func BenchmarkChangeIsShown(b *testing.B) {
	s := populateList(b)
	tab := open(b, s, viewer, looks()[0])
	tab.visit("/")
	awaitStreams(s, 1)
	eval[bool](tab, `(() => {
		window.shown = {};
		new MutationObserver(() => {
			for (const cell of document.querySelectorAll("#deployment-`+s.Namespace+`-deploy-0000 td.text")) window.shown[cell.textContent] ??= Date.now();
		}).observe(document.querySelector("tbody"), { childList: true, subtree: true });
		return true;
	})()`)
	var took []float64
	for i := 0; b.Loop(); i++ {
		model := fmt.Sprintf("org/model-%d", i)
		begun := time.Now().UnixMilli()
		s.Patch(s.NpuDeploy("deploy-0000"), fmt.Sprintf(`{"spec": {"model": %q}}`, model))
		tab.await(fmt.Sprintf("window.shown[%q]", model))
		took = append(took, eval[float64](tab, fmt.Sprintf("window.shown[%q]", model))-float64(begun))
	}
	b.ReportMetric(percentile(took, 50), "p50-ms")
	b.ReportMetric(percentile(took, 95), "p95-ms")
}
