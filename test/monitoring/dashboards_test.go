package monitoring

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// newLoadedServer returns a server that has scraped all expositions for eleven minutes and evaluated
// the bundle's rules. From the ninth minute on, .later.prom files replace those of the same name.
func newLoadedServer(t *testing.T) (*server, time.Time) {
	t.Helper()
	s := newServer(t)
	set := newRuleSet(t, s)
	devices := expositions(t, "../../fetchers/testdata/{nvidia,nvidia-mig,rebellions,rebellions-deprecated,rebellions-first,rebellions-status,sapeon,sapeon-identity,furiosa,furiosa-cores,ascend,ascend-ddr,described}.txtar")
	early, late := expositions(t, "testdata/metrics/{controller,apiserver,vllm,kube-state-metrics,deviceplugin}.prom"), expositions(t, "testdata/metrics/{controller.later,apiserver.later,vllm,kube-state-metrics,deviceplugin}.prom")
	at := recordedAt
	for minute := range 11 {
		at = recordedAt.Add(time.Duration(minute) * time.Minute)
		if minute < 8 {
			s.scrape(t, append(early, devices...), at, minute)
		} else {
			s.scrape(t, append(late, devices...), at, minute)
		}
		set.evaluate(t, s, at)
	}
	return s, at
}

// expositions joins the expositions of files: DIR/{A,B}.EXT.
func expositions(t *testing.T, pattern string) []byte {
	t.Helper()
	before, rest, _ := strings.Cut(pattern, "{")
	names, after, _ := strings.Cut(rest, "}")
	var all []byte
	for name := range strings.SplitSeq(names, ",") {
		text, err := os.ReadFile(before + name + after)
		if err != nil {
			t.Fatal(err)
		}
		_, exposition, found := strings.Cut(string(text), "-- exposition --\n")
		if found {
			exposition, _, _ = strings.Cut(exposition, "-- devices.yaml --")
		} else {
			exposition = string(text)
		}
		for line := range strings.Lines(exposition) {
			if !strings.HasPrefix(line, "#") {
				all = append(all, line...)
			}
		}
	}
	return all
}

func TestEveryRecordingRuleYieldsSeries(t *testing.T) {
	s, at := newLoadedServer(t)
	for _, d := range definitions(t) {
		if d.Record != "" && len(s.query(t, d.Expr, at)) == 0 {
			t.Errorf("%s yields nothing:\n%s", d.Record, d.Expr)
		}
	}
}

func TestEveryDashboardExpressionYieldsSeries(t *testing.T) {
	s, at := newLoadedServer(t)
	files, err := filepath.Glob(filepath.Join(bundle, "dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("finding dashboards: %v, %d found", err, len(files))
	}
	for _, file := range files {
		for _, p := range readDashboard(t, file).Panels {
			for _, target := range p.Targets {
				vector := s.query(t, interpolated(target.Expr), at)
				numbers := 0
				for _, sample := range vector {
					if !math.IsNaN(sample.F) {
						numbers++
					}
				}
				if numbers == 0 {
					t.Errorf("%s, %q yields %d series and no number:\n%s", filepath.Base(file), p.Title, len(vector), target.Expr)
				}
			}
		}
	}
}

func TestDurationsOfReconcilesAreShownFromNativeHistograms(t *testing.T) {
	s := newServer(t)
	at := recordedAt
	for minute := range 11 {
		at = recordedAt.Add(time.Duration(minute) * time.Minute)
		appender := s.storage.Appender(t.Context())
		series := labels.FromStrings("__name__", "controller_runtime_reconcile_time_seconds", "controller", "npudeploy")
		if _, err := appender.AppendHistogram(0, series, at.UnixMilli(), tsdbutil.GenerateTestHistogram(int64(minute)), nil); err != nil {
			t.Fatal(err)
		}
		if err := appender.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	shown := 0
	for _, p := range readDashboard(t, filepath.Join(bundle, "dashboards/nufi-controller.json")).Panels {
		for _, target := range p.Targets {
			isOfReconciles := strings.Contains(target.Expr, "controller_runtime_reconcile_time_seconds")
			if isOfReconciles && len(s.query(t, interpolated(target.Expr), at)) == 1 {
				shown++
			}
		}
	}
	if shown != 2 {
		t.Errorf("%d quantiles are shown, want 2", shown)
	}
}

// interpolated returns an expression as Grafana sends it.
func interpolated(expression string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$npudeploy", ".*", "$namespace", ".*", "$node", ".*", "$type", ".*").Replace(expression)
}

func TestEveryDashboardVariableHasValues(t *testing.T) {
	s, at := newLoadedServer(t)
	files, _ := filepath.Glob(filepath.Join(bundle, "dashboards/*.json"))
	for _, file := range files {
		for _, v := range readDashboard(t, file).Templating.List {
			if v.Type != "query" {
				continue
			}
			selector, label, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Query, "label_values("), ")"), ", ")
			if !found {
				t.Fatalf("%s: %q is not label_values(SERIES, LABEL)", file, v.Query)
			}
			if len(s.query(t, "count by ("+label+") ("+interpolated(selector)+")", at)) == 0 {
				t.Errorf("%s: variable %s has no values", file, v.Name)
			}
		}
	}
}

func readDashboard(t *testing.T, file string) dashboard {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return board
}
