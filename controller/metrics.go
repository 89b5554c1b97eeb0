package controller

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// metrics are what the controller counts. Labels are reasons, actions, kinds and
// accelerators: none is a user's word.
type metrics struct {
	renders       *prometheus.CounterVec
	renderSeconds prometheus.Histogram
	applies       *prometheus.CounterVec
	healed        *prometheus.CounterVec
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
			Name: "nufi_render_seconds", Help: "Time that a render takes.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
		applies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_applies_total", Help: "Children that were looked at, by what became of them; faults by reason.",
		}, []string{"result"}),
		healed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nufi_drift_healed_total", Help: "Children that somebody else changed and that were restored.",
		}, []string{"kind"}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nufi_prunes_total", Help: "Children that were deleted because they are no longer wanted.",
		}),
		templates: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nufi_templates_info", Help: "1 for the digest of the templates that serve.",
		}, []string{"digest"}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nufi_templates_rejected_total", Help: "Sets of templates that were not swapped in because they are bad.",
		}),
	}
	for _, collector := range []prometheus.Collector{
		m.renders, m.renderSeconds, m.applies, m.healed, m.pruned, m.templates, m.rejected,
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
			m.healed.WithLabelValues(change.Ref.Kind).Inc()
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

// serve notes which templates render from now on.
func (m *metrics) serve(digest string) {
	m.templates.Reset()
	m.templates.WithLabelValues(digest).Set(1)
}

// readiness counts NpuDeploys when it is asked, so that there is nothing to keep true.
type readinessCollector struct {
	deploys *deploys
	desc    *prometheus.Desc
}

func newReadinessCollector(deploys *deploys) *readinessCollector {
	return &readinessCollector{deploys, prometheus.NewDesc("nufi_npudeploys",
		"NpuDeploys, by accelerator, by whether they are ready, and by the reason of condition Ready.",
		[]string{"accelerator", "ready", "reason"}, nil)}
}

func (c *readinessCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *readinessCollector) Collect(out chan<- prometheus.Metric) {
	all, err := c.deploys.all(context.Background())
	if err != nil {
		return // The informer has not begun: this replica does not lead.
	}
	for g, count := range countReadiness(all) {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, count, g.accelerator, g.ready, g.reason)
	}
}

// standing is what NpuDeploys are counted by. The reason is one of schemas/v1: the
// controller alone writes statuses.
type standing struct{ accelerator, ready, reason string }

func countReadiness(deploys []v1.NpuDeploy) map[standing]float64 {
	counts := map[standing]float64{}
	for i := range deploys {
		status := &deploys[i].Status
		r := standing{accelerator: "none", ready: "false", reason: v1.ReasonNotObserved}
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
