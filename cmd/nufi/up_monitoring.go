package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/cluster"
)

// prometheusProgram is the name of the program and of its log.
const prometheusProgram = "prometheus"

var errNoPrometheus = errors.New("--monitoring requires prometheus in the PATH: on Debian and Ubuntu install the package prometheus")

// checkMonitoring returns an error if --monitoring is set and Prometheus is not installed.
func (o upOptions) checkMonitoring() error {
	if !o.monitoring {
		return nil
	}
	if _, err := exec.LookPath(prometheusProgram); err != nil {
		return errNoPrometheus
	}
	return nil
}

// runMonitoring starts the simulated exporters, which run until ctx is done, and a Prometheus
// that scrapes them and evaluates the bundle's rules, at the URL of the summary.
func (u *up) runMonitoring(ctx context.Context, c *cluster.Cluster, kube client.Reader, s summary) error {
	u.steps.report("starting Prometheus and simulated exporters", "")
	program, err := exec.LookPath(prometheusProgram)
	if err != nil {
		return errNoPrometheus
	}
	target, err := serveExporters(ctx, kube)
	if err != nil {
		return err
	}
	dir := filepath.Join(u.dir, prometheusProgram)
	if err := u.configurePrometheus(dir, target, s.Metrics); err != nil {
		return err
	}
	err = c.Launch(prometheusProgram, program,
		"--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+strings.TrimPrefix(s.Prometheus, "http://"),
	)
	if err != nil {
		return err
	}
	return c.Await(ctx, s.Prometheus+"/-/ready")
}

// freeURL returns a URL on loopback at which a program can listen.
func freeURL(ctx context.Context) (string, error) {
	ports, err := cluster.FreePorts(ctx, 0)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://127.0.0.1:%d", ports[0]), nil
}

// serveExporters serves until ctx is done, and returns its address.
func serveExporters(ctx context.Context, kube client.Reader) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for scrapes: %w", err)
	}
	simulated := &exporters{kube: kube, now: time.Now}
	for _, node := range simulatedNodes() {
		simulated.nodes = append(simulated.nodes, node.Name)
	}
	server := &http.Server{Handler: simulated, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // It returns ErrServerClosed.
	return listener.Addr().String(), nil
}

// configurePrometheus writes Prometheus' configuration and the rules of the bundle's
// PrometheusRules.
func (u *up) configurePrometheus(dir, exporters, controllerMetrics string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	resources, err := u.files("bundle/monitoring/rules/*.yaml")
	if err != nil {
		return err
	}
	for _, file := range resources {
		rules, err := readRules(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "rules-"+filepath.Base(file)), rules, 0o600); err != nil {
			return err
		}
	}
	config, err := prometheusConfig(exporters, controllerMetrics)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "prometheus.yaml"), config, 0o600)
}

// readRules returns the spec of a PrometheusRule, which is a rule file of Prometheus.
func readRules(file string) ([]byte, error) {
	text, err := os.ReadFile(file) //nolint:gosec // A file of the repository.
	if err != nil {
		return nil, err
	}
	var resource struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &resource); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return yaml.Marshal(resource.Spec)
}

// prometheusConfig returns scrape configurations like those of bundle/monitoring/monitors.
func prometheusConfig(exporters, controllerMetrics string) ([]byte, error) {
	type static struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
	type job struct {
		Name        string   `json:"job_name"`
		Path        string   `json:"metrics_path"`
		HonorLabels bool     `json:"honor_labels"`
		Static      []static `json:"static_configs"`
	}
	jobs := []job{{Name: "nufi-inference", Path: "/servers", HonorLabels: true, Static: []static{{Targets: []string{exporters}}}}}
	for _, node := range simulatedNodes() {
		jobs = append(jobs, job{Name: "nufi-exporter-" + node.Name, Path: "/" + node.Name, HonorLabels: true,
			Static: []static{{Targets: []string{exporters}, Labels: map[string]string{"node": node.Name, "type": deviceType(node)}}}})
	}
	if controllerMetrics != "" {
		metrics, err := url.Parse(controllerMetrics)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job{Name: "nufi-controller", Path: metrics.Path, HonorLabels: true, Static: []static{{Targets: []string{metrics.Host}}}})
	}
	return yaml.Marshal(map[string]any{
		"global":         map[string]string{"scrape_interval": "5s", "evaluation_interval": "15s"},
		"rule_files":     []string{"rules-*.yaml"},
		"scrape_configs": jobs,
	})
}

// deviceType returns the fetchers' name of the node's device type.
func deviceType(node cluster.Node) string {
	for resource := range node.Devices {
		if vendor, ok := vendors()[resource]; ok {
			return vendor.kind
		}
	}
	return ""
}
