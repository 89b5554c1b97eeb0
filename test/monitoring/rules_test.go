package monitoring

import (
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

const bundle = "../../bundle/monitoring"

// definition is a rule of the bundle.
type definition struct {
	Record      string            `json:"record"`
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// definitions returns all rules of the bundle, recording rules first.
func definitions(tb testing.TB) []definition {
	tb.Helper()
	var all []definition
	for _, file := range []string{"devices", "deployments", "apiserver", "alerts"} {
		text, err := os.ReadFile(filepath.Join(bundle, "rules", file+".yaml"))
		if err != nil {
			tb.Fatal(err)
		}
		var resource struct {
			Spec struct {
				Groups []struct {
					Rules []definition `json:"rules"`
				} `json:"groups"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &resource); err != nil {
			tb.Fatal(err)
		}
		for _, group := range resource.Spec.Groups {
			all = append(all, group.Rules...)
		}
	}
	return all
}

// ruleSet evaluates the bundle's rules in order.
type ruleSet struct {
	rules  []rules.Rule
	alerts map[string]*rules.AlertingRule
	series []map[string]labels.Labels // of each rule's last result
}

func newRuleSet(tb testing.TB, s *server) *ruleSet {
	tb.Helper()
	set := &ruleSet{alerts: map[string]*rules.AlertingRule{}}
	for _, d := range definitions(tb) {
		expr, err := s.parser.ParseExpr(d.Expr)
		if err != nil {
			tb.Fatalf("parsing %s%s: %v", d.Record, d.Alert, err)
		}
		if d.Record != "" {
			set.rules = append(set.rules, rules.NewRecordingRule(d.Record, expr, labels.FromMap(d.Labels)))
			continue
		}
		hold, err := model.ParseDuration(d.For)
		if err != nil {
			tb.Fatalf("%s: %v", d.Alert, err)
		}
		alert := rules.NewAlertingRule(d.Alert, expr, time.Duration(hold), 0, labels.FromMap(d.Labels), labels.FromMap(d.Annotations),
			labels.EmptyLabels(), "", true, promslog.NewNopLogger())
		set.rules = append(set.rules, alert)
		set.alerts[d.Alert] = alert
	}
	return set
}

// keepOnly drops the rules that an alert does not depend on.
func (r *ruleSet) keepOnly(alert string) {
	read := map[string]bool{alert: true}
	for grown := 0; grown < len(read); {
		grown = len(read)
		for _, rule := range r.rules {
			if !read[rule.Name()] {
				continue
			}
			parser.Inspect(rule.Query(), func(node parser.Node, _ []parser.Node) error {
				if selector, ok := node.(*parser.VectorSelector); ok {
					read[selector.Name] = true
				}
				return nil
			})
		}
	}
	r.rules = slices.DeleteFunc(r.rules, func(rule rules.Rule) bool { return !read[rule.Name()] })
}

// evaluate evaluates every rule once and stores the results. It ends the series that a rule no longer
// returns, as Prometheus does.
func (r *ruleSet) evaluate(tb testing.TB, s *server, at time.Time) {
	tb.Helper()
	query := rules.EngineQueryFunc(s.engine, s.storage)
	r.series = append(r.series, make([]map[string]labels.Labels, len(r.rules)-len(r.series))...)
	for i, rule := range r.rules {
		vector, err := rule.Eval(tb.Context(), 0, at, query, &url.URL{}, 0)
		if err != nil {
			tb.Fatalf("evaluating %s at %s: %v", rule.Name(), at, err)
		}
		returned := map[string]labels.Labels{}
		for _, sample := range vector {
			returned[sample.Metric.String()] = sample.Metric
		}
		for _, name := range slices.Sorted(maps.Keys(r.series[i])) {
			if _, ok := returned[name]; !ok {
				vector = append(vector, promql.Sample{Metric: r.series[i][name], F: math.Float64frombits(value.StaleNaN)})
			}
		}
		r.series[i] = returned
		s.store(tb, vector, at)
	}
}

func (s *server) store(tb testing.TB, vector promql.Vector, at time.Time) {
	tb.Helper()
	appender := s.storage.Appender(tb.Context())
	for _, sample := range vector {
		if _, err := appender.Append(0, sample.Metric, at.UnixMilli(), sample.F); err != nil {
			tb.Fatalf("storing %s: %v", sample.Metric, err)
		}
	}
	if err := appender.Commit(); err != nil {
		tb.Fatal(err)
	}
}
