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
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/cluster"
)

// prometheusProgram is the program, and the name of its log.
const prometheusProgram = "prometheus"

var errNoPrometheus = errors.New("--monitoring needs the program prometheus in the PATH: Debian and Ubuntu have it in a package of that name")

// checkMonitoring says what is missing before anything has started.
func (o upOptions) checkMonitoring() error {
	if !o.monitoring {
		return nil
	}
	if _, err := exec.LookPath(prometheusProgram); err != nil {
		return errNoPrometheus
	}
	return nil
}

// runMonitoring starts the simulated exporters, which live as long as ctx, and a
// Prometheus that scrapes them and evaluates the bundle's rules, and returns its URL.
func (u *up) runMonitoring(ctx context.Context, c *cluster.Cluster, kube client.Reader, controllerMetrics string) (string, error) {
	u.steps.say("starting Prometheus and simulated exporters", "")
	program, err := exec.LookPath(prometheusProgram)
	if err != nil {
		return "", errNoPrometheus
	}
	target, err := serveExporters(ctx, kube)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(u.dir, prometheusProgram)
	if err := u.configurePrometheus(dir, target, controllerMetrics); err != nil {
		return "", err
	}
	ports, err := cluster.FreePorts(ctx, 0)
	if err != nil {
		return "", err
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	err = c.Launch(prometheusProgram, program,
		"--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address,
	)
	if err != nil {
		return "", err
	}
	return "http://" + address, c.Await(ctx, "http://"+address+"/-/ready")
}

// serveExporters returns the address that it serves on until ctx ends.
func serveExporters(ctx context.Context, kube client.Reader) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for scrapes: %w", err)
	}
	simulated := &exporters{kube: kube, now: time.Now}
	for _, node := range nodes() {
		simulated.nodes = append(simulated.nodes, node.Name)
	}
	server := &http.Server{Handler: simulated, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // It ends with an error, always: that it was closed.
	return listener.Addr().String(), nil
}

// configurePrometheus writes the configuration, and the bundle's rules without the
// operator's envelope.
func (u *up) configurePrometheus(dir, exporters, controllerMetrics string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	resources, err := u.files("bundle/monitoring/rules/*.yaml")
	if err != nil {
		return err
	}
	for _, file := range resources {
		rules, err := rulesIn(file)
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

// rulesIn returns the groups of a PrometheusRule.
func rulesIn(file string) ([]byte, error) {
	text, err := os.ReadFile(file) //nolint:gosec // It is one of the repository.
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

// prometheusConfig scrapes as bundle/monitoring's monitors do.
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
	for _, node := range nodes() {
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

// deviceType is the fetchers' name of the node's devices.
func deviceType(node cluster.Node) string {
	for resource := range node.Devices {
		if vendor, known := vendors()[resource]; known {
			return vendor.kind
		}
	}
	return ""
}
