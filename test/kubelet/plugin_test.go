package kubelet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"
)

const (
	resourceName = "sapeon.com/snx3"
	repository   = "../.."
	// timeout bounds each wait that is not measured.
	timeout = 30 * time.Second
)

// binary is the plugin, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	klog.SetLogger(logr.Discard()) // The kubelet logs thousands of lines.
	dir, err := os.MkdirTemp("", "nufi-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is a temporary folder
	binary = filepath.Join(dir, "nufi-deviceplugin")
	build := exec.Command("go", "build", "-o", binary, "./cmd/nufi-deviceplugin")
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the plugin: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// plugin is a process of the device plugin.
type plugin struct {
	t       *testing.T
	command *exec.Cmd
	url     string
	exited  chan error
}

// startPlugin starts the plugin for a host and a kubelet's folder, and returns when it serves its
// metrics. The end of the test stops it.
func startPlugin(t *testing.T, h *host, k folder, args ...string) *plugin {
	t.Helper()
	logs, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logs.Close() })
	p := &plugin{t: t, exited: make(chan error, 1)}
	p.command = exec.Command(binary, append([]string{
		"--host-root", h.root, "--host-prefix", h.root, "--devices", quickX330(t),
		"--kubelet-dir", k.plugins(), "--pod-resources", k.podResources(),
		"--metrics-bind-address", "127.0.0.1:0", "--node-name", "npu-node-1",
	}, args...)...)
	p.command.Stderr = logs
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.command.Wait() }()
	t.Cleanup(func() {
		_ = p.end(syscall.SIGKILL)
		if t.Failed() {
			text, _ := os.ReadFile(logs.Name())
			t.Logf("the plugin said:\n%s", text)
		}
	})
	eventually(t, timeout, func() error { return p.findAddress(logs.Name()) })
	return p
}

func (p *plugin) findAddress(log string) error {
	file, err := os.Open(log)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "Serving" {
			p.url = "http://" + line.Address
			return nil
		}
	}
	return errors.New("the plugin has not started")
}

// quickX330 returns the X330's description with short times for recovery and preparation, and further
// changes.
func quickX330(t *testing.T, changes ...func(description map[string]any)) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, "deviceplugin/description/x330.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := yaml.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	d["health"].(map[string]any)["recover"] = map[string]any{"good": 2, "dwell": "200ms"}
	d["health"].(map[string]any)["rescan"] = "500ms"
	d["health"].(map[string]any)["staleAfter"] = "1s"
	d["preparation"].(map[string]any)["timeout"] = "1s"
	for _, change := range changes {
		change(d)
	}
	if data, err = yaml.Marshal(d); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x330.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// end sends a signal to the process, waits for it, and returns its error.
func (p *plugin) end(signal syscall.Signal) error {
	_ = p.command.Process.Signal(signal) // it may have ended already
	err := <-p.exited
	p.exited <- err
	return err
}

// terminate ends the plugin as a kubelet does, and fails the test if it exits with an error.
func (p *plugin) terminate() {
	p.t.Helper()
	if err := p.end(syscall.SIGTERM); err != nil {
		p.t.Errorf("the plugin ended with %v", err)
	}
}

// awaitReady waits until the plugin reports that the kubelet watches its devices.
func (p *plugin) awaitReady() {
	p.t.Helper()
	eventually(p.t, timeout, func() error { return p.check("/readyz") })
}

func (p *plugin) check(path string) error {
	code, body, err := p.get(path)
	if err != nil || code == http.StatusOK {
		return err
	}
	return fmt.Errorf("%s: %d %s", path, code, strings.TrimSpace(body))
}

// metric returns a sample by its name and labels, as the exposition writes them.
func (p *plugin) metric(series string) (float64, error) {
	_, body, err := p.get("/metrics")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		return 0, fmt.Errorf("there is no %s in\n%s", series, body)
	}
	return strconv.ParseFloat(found[1], 64)
}

func (p *plugin) awaitMetric(series string, want float64) {
	p.t.Helper()
	eventually(p.t, timeout, func() error {
		got, err := p.metric(series)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %v, want %v", series, got, want)
		}
		return err
	})
}

func (p *plugin) get(path string) (int, string, error) {
	response, err := http.Get(p.url + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// eventually waits until check returns no error, or fails the test with the last error.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	deadline, tick := time.After(within), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("not within %s: %v", within, err)
		case <-tick.C:
		}
	}
}
