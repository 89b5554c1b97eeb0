package monitoring

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podlabels "k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/fetchers"
)

// monitor has the common fields of a PodMonitor and a ServiceMonitor.
type monitor struct {
	Kind     string                `json:"kind"`
	Metadata struct{ Name string } `json:"metadata"`
	Spec     struct {
		Selector            metav1.LabelSelector `json:"selector"`
		PodMetricsEndpoints []endpoint           `json:"podMetricsEndpoints"`
		Endpoints           []endpoint           `json:"endpoints"`
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

// config returns the relabeling as the operator configures it in Prometheus.
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
	all := map[string]endpoint{}
	for name, m := range resources(t) {
		endpoints := append(m.Spec.PodMetricsEndpoints, m.Spec.Endpoints...)
		if len(endpoints) != 1 {
			t.Fatalf("%s has %d endpoints", name, len(endpoints))
		}
		all[name] = endpoints[0]
	}
	return all
}

// resources returns the bundle's monitors by name.
func resources(t *testing.T) map[string]monitor {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(bundle, "monitors/*.yaml"))
	all := map[string]monitor{}
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
			all[m.Metadata.Name] = m
		}
	}
	return all
}

// exporter is a pod of a vendor's published manifests.
type exporter struct {
	Port       int
	Labels     map[string]string
	Containers []struct {
		Name  string
		Ports []struct {
			Name          string
			ContainerPort int
		}
	}
}

// targets returns the targets of Prometheus's Kubernetes service discovery: one for each declared
// port, or one without a port for a container that declares none.
func (e exporter) targets(ip string) []labels.Labels {
	var targets []labels.Labels
	for _, container := range e.Containers {
		of := map[string]string{
			"__meta_kubernetes_pod_ip": ip, "__meta_kubernetes_pod_node_name": "node-1", "__address__": ip,
			"namespace": "exporters", "pod": "exporter-x", "container": container.Name,
		}
		if len(container.Ports) == 0 {
			targets = append(targets, labels.FromMap(of))
		}
		for _, port := range container.Ports {
			of["__address__"] = net.JoinHostPort(ip, strconv.Itoa(port.ContainerPort))
			of["__meta_kubernetes_pod_container_port_name"] = port.Name
			targets = append(targets, labels.FromMap(of))
		}
	}
	return targets
}

// Each file is an exporter as its vendor installs it. Only its monitor scrapes it.
func TestMonitorsSelectThePublishedExporters(t *testing.T) {
	files, _ := filepath.Glob("testdata/exporters/*.yaml")
	if len(files) == 0 {
		t.Fatal("no exporters")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var published exporter
		if err := yaml.Unmarshal(text, &published); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		_, after, _ := strings.Cut(string(text), "# monitor: ")
		want, _, _ := strings.Cut(after, "\n")
		for _, ip := range []string{"10.0.0.1", "2001:db8::1"} {
			scraped := map[string]string{}
			for name, m := range resources(t) {
				selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
				if err != nil {
					t.Fatal(err)
				}
				if m.Kind != "PodMonitor" || !selector.Matches(podlabels.Set(published.Labels)) {
					continue
				}
				endpoint := m.Spec.PodMetricsEndpoints[0]
				for _, target := range published.targets(ip) {
					if endpoint.Port == "" || endpoint.Port == target.Get("__meta_kubernetes_pod_container_port_name") {
						scraped[name] = relabelled(t, target, endpoint.Relabelings).Get("__address__")
					}
				}
			}
			if diff := cmp.Diff(map[string]string{want: net.JoinHostPort(ip, strconv.Itoa(published.Port))}, scraped); diff != "" {
				t.Errorf("%s is scraped by other monitors (-want +got):\n%s", file, diff)
			}
		}
	}
}

// discovered returns the labels that the operator's discovery gives a pod before relabeling.
func discovered() labels.Labels {
	return labels.FromStrings("namespace", "monitoring", "pod", "exporter-x", "container", "exporter", "job", "monitoring/exporter",
		"instance", "10.0.0.1:9400", "__meta_kubernetes_pod_ip", "10.0.0.1", "__meta_kubernetes_pod_node_name", "atom-1", "__meta_kubernetes_pod_label_dudaji_com_npudeploy", "llama-8b")
}

func TestMonitorsDropThePodOfTheExporter(t *testing.T) {
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
		if name == "nufi-deviceplugin" && (got.Has("type") || got.Get("node") != "atom-1" || got.Has("pod")) {
			t.Errorf("%s has target labels %s: its devices are of any type, and the node's", name, got)
		}
		// Servers with a port for metrics are of the job of the others.
		if got.Get("job") != strings.TrimSuffix(name, "-metrics") {
			t.Errorf("%s has job %q, want the monitor's name, which alerts select", name, got.Get("job"))
		}
		if got.Get("type") == "" {
			continue
		}
		exporters++
		if !slices.Contains(types, got.Get("type")) || got.Get("node") != "atom-1" || got.Has("pod") || got.Has("namespace") || got.Has("container") {
			t.Errorf("%s has target labels %s", name, got)
		}
	}
	if exporters < 7 {
		t.Errorf("%d exporters are scraped", exporters)
	}
}

func TestInferenceMonitorAddsTheNpuDeploy(t *testing.T) {
	for monitor, port := range map[string]string{"nufi-inference": "http", "nufi-inference-metrics": "metrics"} {
		endpoint := monitors(t)[monitor]
		if endpoint.Port != port {
			t.Errorf("%s scrapes the port %q", monitor, endpoint.Port)
		}
		got := relabelled(t, discovered(), endpoint.Relabelings)
		for name, want := range map[string]string{"npudeploy": "llama-8b", "namespace": "monitoring", "pod": "exporter-x", "node": "atom-1", "job": "nufi-inference"} {
			if got.Get(name) != want {
				t.Errorf("%s: label %s is %q, want %q", monitor, name, got.Get(name), want)
			}
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

// Rules with the same name and labels would overwrite each other's series.
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
