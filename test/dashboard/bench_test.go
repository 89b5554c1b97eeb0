package dashboard_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// listed is the number of deployments of the benchmarks, which no controller reconciles.
const listed = 1000

func populateList(b *testing.B) *apitest.Server {
	b.Helper()
	h := harness.New(b)
	h.Bind("cluster-admin", "", "ann")
	var group errgroup.Group
	group.SetLimit(16)
	for i := range listed {
		group.Go(func() error {
			deploy := &v1.NpuDeploy{}
			deploy.Namespace, deploy.Name = h.Namespace, fmt.Sprintf("deploy-%04d", i)
			deploy.Spec.Model = "meta-llama/Llama-3.1-8B-Instruct"
			deploy.Spec.Accelerator = &v1.Accelerator{Type: "atom"}
			if err := h.Client.Create(b.Context(), deploy); err != nil {
				return err
			}
			deploy.Status.URL, deploy.Status.ReplicaSummary = "https://"+deploy.Name+".nufi.me", "1/1"
			return h.Client.Status().Update(b.Context(), deploy)
		})
	}
	h.Must(group.Wait())
	h.AwaitAllowed(harness.User{Name: "ann"}, "list dudaji.com/npudeploys", h.Namespace)
	s := apitest.Start(h)
	s.AwaitResponse("all deployments", func(r apitest.Response) bool {
		return r.Status == http.StatusOK && slices.Contains([]any{float64(listed)}, r.JSON()["summary"].(map[string]any)["total"])
	}, "ann", http.MethodGet, "/api/v1/npudeploys?limit=1", "")
	return s
}

// BenchmarkFirstPaint measures, by Chromium's own entries, when the first page of 1,000 deployments is
// painted, and whether its layout shifts.
func BenchmarkFirstPaint(b *testing.B) {
	s := populateList(b)
	tab := open(b, s, "ann", looks()[0])
	tab.visit("/") // loads the script and the style, which the browser keeps
	var paints, answers []float64
	shifts := 0.0
	for b.Loop() {
		tab.visit("/")
		if rows := eval[int](tab, "document.querySelectorAll('tbody tr').length"); rows != 100 {
			b.Fatalf("there are %d rows", rows)
		}
		tab.await(`performance.getEntriesByName("first-contentful-paint").length`)
		paints = append(paints, eval[float64](tab, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
		answers = append(answers, eval[float64](tab, `performance.getEntriesByType("navigation")[0].responseEnd`))
		shifts += eval[float64](tab, `new Promise((done) => {
			let sum = 0;
			new PerformanceObserver((list) => list.getEntries().forEach((e) => { sum += e.value; })).observe({ type: "layout-shift", buffered: true });
			setTimeout(() => done(sum), 100);
		})`)
	}
	slices.Sort(paints)
	slices.Sort(answers)
	b.ReportMetric(answers[len(answers)/2], "response-p50-ms")
	b.ReportMetric(answers[len(answers)*95/100], "response-p95-ms")
	b.ReportMetric(paints[len(paints)/2], "p50-ms")
	b.ReportMetric(paints[len(paints)*95/100], "p95-ms")
	b.ReportMetric(shifts, "layout-shift")
}

// BenchmarkChangeIsShown measures the time from a write until the page shows it.
func BenchmarkChangeIsShown(b *testing.B) {
	s := populateList(b)
	tab := open(b, s, "ann", looks()[0])
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
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
}
