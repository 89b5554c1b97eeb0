package controller

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// metrics are the controller's. Labels are reasons, actions, kinds and accelerators, which
// are bounded.
type metrics struct {
	renders       *prometheus.CounterVec
	renderSeconds prometheus.Histogram
	applies       *prometheus.CounterVec
	corrected     *prometheus.CounterVec
	pruned        prometheus.Counter
	templates     *prometheus.GaugeVec
	rejected      prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		renders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_renders_total", Help: "Renders, by the reason of condition Rendered.",
		}, []string{"reason"}),
		renderSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nufi_render_seconds", Help: "Duration of a render.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
		applies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_applies_total", Help: "Applies of owned objects by action, and errors by reason.",
		}, []string{"result"}),
		corrected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_drift_healed_total", Help: "Owned objects that drifted and were corrected.",
		}, []string{"kind"}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nufi_prunes_total", Help: "Owned objects that were deleted because they are no longer rendered.",
		}),
		templates: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nufi_templates_info", Help: "1 for the digest of the serving templates.",
		}, []string{"digest"}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nufi_templates_rejected_total", Help: "Sets of templates that are not served because they are invalid.",
		}),
	}
	for _, collector := range []prometheus.Collector{
		m.renders, m.renderSeconds, m.applies, m.corrected, m.pruned, m.templates, m.rejected,
	} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) countRender(reason string, took time.Duration) {
	m.renders.WithLabelValues(reason).Inc()
	m.renderSeconds.Observe(took.Seconds())
}

func (m *metrics) countApply(changes apply.ChangeSet, err error) {
	for _, change := range changes {
		m.applies.WithLabelValues(string(change.Action)).Inc()
		if change.Action == apply.Corrected {
			m.corrected.WithLabelValues(change.Ref.Kind).Inc()
		}
		if change.Action == apply.Pruned {
			m.pruned.Inc()
		}
	}
	if err != nil {
		reason, _ := apply.Explain(err)
		m.applies.WithLabelValues(strings.ToLower(reason)).Inc()
	}
}

func (m *metrics) setServing(digest string) {
	m.templates.Reset()
	m.templates.WithLabelValues(digest).Set(1)
}

// deployCollector counts NpuDeploys at each scrape.
type deployCollector struct {
	cache           cache.Informers
	ready, rendered *prometheus.Desc
}

func newDeployCollector(cache cache.Informers) *deployCollector {
	return &deployCollector{
		cache: cache,
		ready: prometheus.NewDesc("nufi_npudeploys",
			"NpuDeploys, by accelerator, by whether they are ready, and by the reason of condition Ready.",
			[]string{"accelerator", "ready", "reason"}, nil),
		rendered: prometheus.NewDesc("nufi_npudeploys_rendered",
			"NpuDeploys, by the reason of condition Rendered.", []string{"reason"}, nil),
	}
}

func (c *deployCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.ready
	out <- c.rendered
}

func (c *deployCollector) Collect(out chan<- prometheus.Metric) {
	deploys, err := listDeploys(context.Background(), c.cache, metav1.NamespaceAll)
	if err != nil {
		return // The informer has not started: this replica does not lead.
	}
	for labels, count := range countReadiness(deploys) {
		out <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, count, labels.accelerator, labels.ready, labels.reason)
	}
	for reason, count := range countRendered(deploys) {
		out <- prometheus.MustNewConstMetric(c.rendered, prometheus.GaugeValue, count, reason)
	}
}

// readiness is the labels that NpuDeploys are counted by. The reason is one of schemas/v1.
type readiness struct{ accelerator, ready, reason string }

func countReadiness(deploys []*v1.NpuDeploy) map[readiness]float64 {
	counts := map[readiness]float64{}
	for _, deploy := range deploys {
		status := &deploy.Status
		r := readiness{accelerator: "none", ready: "false", reason: v1.ReasonNotObserved}
		if status.Accelerator != nil {
			r.accelerator = status.Accelerator.Type
		}
		if condition := meta.FindStatusCondition(status.Conditions, v1.ConditionReady); condition != nil {
			r.reason = condition.Reason
			if condition.Status == metav1.ConditionTrue {
				r.ready = "true"
			}
		}
		counts[r]++
	}
	return counts
}

// countRendered counts by the reason of condition Rendered, one of schemas/v1.
func countRendered(deploys []*v1.NpuDeploy) map[string]float64 {
	counts := map[string]float64{}
	for _, deploy := range deploys {
		if rendered := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionRendered); rendered != nil {
			counts[rendered.Reason]++
		}
	}
	return counts
}

// DescribeMetrics registers the metrics without values, for the generator of the documentation.
func DescribeMetrics(registry prometheus.Registerer) error {
	if _, err := newMetrics(registry); err != nil {
		return err
	}
	return registry.Register(newDeployCollector(nil))
}
