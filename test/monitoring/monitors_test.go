package monitoring

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/fetchers"
)

// monitor is what a PodMonitor and a ServiceMonitor have in common.
type monitor struct {
	Kind     string                `json:"kind"`
	Metadata struct{ Name string } `json:"metadata"`
	Spec     struct {
		PodMetricsEndpoints []endpoint `json:"podMetricsEndpoints"`
		Endpoints           []endpoint `json:"endpoints"`
	} `json:"spec"`
}

type endpoint struct {
	Port              string       `json:"port"`
	HonorLabels       bool         `json:"honorLabels"`
	Relabelings       []relabeling `json:"relabelings"`
	MetricRelabelings []relabeling `json:"metricRelabelings"`
}

type relabeling struct {
	Action, Regex, TargetLabel string
	Replacement                *string
	SourceLabels               []string
}

// config is the relabelling as the operator hands it to Prometheus.
func (r relabeling) config(t *testing.T) *relabel.Config {
	t.Helper()
	config := relabel.DefaultRelabelConfig
	config.NameValidationScheme = model.UTF8Validation
	config.TargetLabel = r.TargetLabel
	if r.Action != "" {
		config.Action = relabel.Action(r.Action)
	}
	if r.Replacement != nil {
		config.Replacement = *r.Replacement
	}
	for _, source := range r.SourceLabels {
		config.SourceLabels = append(config.SourceLabels, model.LabelName(source))
	}
	if r.Regex != "" {
		regex, err := relabel.NewRegexp(r.Regex)
		if err != nil {
			t.Fatal(err)
		}
		config.Regex = regex
	}
	if err := config.Validate(model.UTF8Validation); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return &config
}

func relabelled(t *testing.T, of labels.Labels, with []relabeling) labels.Labels {
	t.Helper()
	builder := labels.NewBuilder(of)
	for _, r := range with {
		if !relabel.ProcessBuilder(builder, r.config(t)) {
			t.Fatalf("%+v drops %s", r, of)
		}
	}
	return builder.Labels()
}

func monitors(t *testing.T) map[string]endpoint {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(bundle, "monitors/*.yaml"))
	all := map[string]endpoint{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var m monitor
			if err := yaml.Unmarshal(document, &m); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			endpoints := append(m.Spec.PodMetricsEndpoints, m.Spec.Endpoints...)
			if len(endpoints) != 1 {
				t.Fatalf("%s: %s has %d endpoints", file, m.Metadata.Name, len(endpoints))
			}
			all[m.Metadata.Name] = endpoints[0]
		}
	}
	return all
}

// discovered is a pod of the operator's discovery, with the labels that it adds first.
func discovered() labels.Labels {
	return labels.FromStrings("namespace", "monitoring", "pod", "exporter-x", "container", "exporter", "job", "monitoring/exporter",
		"instance", "10.0.0.1:9400", "__meta_kubernetes_pod_node_name", "atom-1", "__meta_kubernetes_pod_label_dudaji_com_npudeploy", "llama-8b")
}

func TestMonitorsDropTheExportersOwnPod(t *testing.T) {
	types := []string{}
	for _, vendor := range fetchers.Vendors() {
		types = append(types, vendor.Type)
	}
	exporters := 0
	for name, endpoint := range monitors(t) {
		if !endpoint.HonorLabels {
			t.Errorf("%s does not honour labels", name)
		}
		got := relabelled(t, discovered(), endpoint.Relabelings)
		if got.Get("job") != name {
			t.Errorf("%s has job %q, which alerts look for by the monitor's name", name, got.Get("job"))
		}
		if got.Get("type") == "" {
			continue
		}
		exporters++
		if !slices.Contains(types, got.Get("type")) || got.Get("node") != "atom-1" || got.Has("pod") || got.Has("namespace") || got.Has("container") {
			t.Errorf("%s has target labels %s", name, got)
		}
	}
	if exporters < 4 {
		t.Errorf("%d exporters are scraped", exporters)
	}
}

func TestInferenceMonitorAddsTheNpuDeploy(t *testing.T) {
	got := relabelled(t, discovered(), monitors(t)["nufi-inference"].Relabelings)
	for name, want := range map[string]string{"npudeploy": "llama-8b", "namespace": "monitoring", "pod": "exporter-x", "node": "atom-1"} {
		if got.Get(name) != want {
			t.Errorf("label %s is %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestSapeonMonitorPrefixesShortNames(t *testing.T) {
	var got []string
	for _, name := range []string{"t1", "t2", "p1", "t1_total", "up"} {
		got = append(got, relabelled(t, labels.FromStrings("__name__", name), monitors(t)["nufi-sapeon-exporter"].MetricRelabelings).Get("__name__"))
	}
	if diff := cmp.Diff([]string{"sapeon_t1", "sapeon_t2", "sapeon_p1", "t1_total", "up"}, got); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
}

// Rules of one name and the same labels would overwrite each other's series.
func TestRecordingRulesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range definitions(t) {
		id := d.Record + labels.FromMap(d.Labels).String()
		if d.Record != "" && seen[id] {
			t.Errorf("%s is recorded twice", id)
		}
		seen[id] = true
	}
}
