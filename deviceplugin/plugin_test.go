package deviceplugin_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin"
	"github.com/dudaji/nufi/deviceplugin/description"
)

// test/kubelet tests the plugin with a kubelet; this test has none.

func TestPluginRunsWithoutKubelet(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := start(t, host(t, 2))
	p.eventually(t, "/metrics", http.StatusOK, `nufi_deviceplugin_devices{resource="sapeon.com/snx3",state="Healthy"} 2`)
	p.eventually(t, "/metrics", http.StatusOK, `sapeon_t1_celsius{device="0000:01:00.0",hostname="npu-node-1",uuid=""} 41.5`)
	p.eventually(t, "/metrics", http.StatusOK, `nufi_deviceplugin_registrations_total{resource="sapeon.com/snx3",result="failure"} 0`)
	p.eventually(t, "/metrics", http.StatusOK, `nufi_deviceplugin_cdi_up{resource="sapeon.com/snx3"} 1`)
	p.eventually(t, "/readyz", http.StatusServiceUnavailable, "the kubelet is not watching the devices")
	p.eventually(t, "/healthz", http.StatusOK, "ok")
	p.stop(t)
}

func TestNodeWithoutDevicesIsReady(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := start(t, host(t, 0))
	p.eventually(t, "/readyz", http.StatusOK, "ok")
	p.stop(t)
}

type plugin struct {
	url    string
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, root string) *plugin {
	t.Helper()
	d, err := description.X330()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	built := deviceplugin.New(deviceplugin.Config{
		Description: d, Host: os.DirFS(root),
		KubeletDir: t.TempDir(), PodResources: filepath.Join(t.TempDir(), "none.sock"), CDIDir: t.TempDir(),
		NodeName: "npu-node-1", Registry: prometheus.NewRegistry(), Listener: listener, Clock: clock.RealClock{},
	})
	ctx, cancel := context.WithCancel(t.Context())
	p := &plugin{url: "http://" + listener.Addr().String(), cancel: cancel, done: make(chan error, 1)}
	go func() { p.done <- built.Run(ctx) }()
	return p
}

func (p *plugin) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	if err := <-p.done; err != nil {
		t.Error(err)
	}
}

// eventually repeats a request until the response has the code and the text.
func (p *plugin) eventually(t *testing.T, path string, code int, text string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		got, body := get(t, client, p.url+path)
		if got == code && strings.Contains(body, text) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: want %d with %q, got %d:\n%s", path, code, text, got, body)
		case <-tick.C:
		}
	}
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// host makes a machine with X330s of a folder.
func host(t *testing.T, cards int) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sys/bus/pci/devices/.keep", "")
	for i := range cards {
		dir := fmt.Sprintf("sys/bus/pci/devices/0000:%02x:00.0/", i+1)
		write(dir+"vendor", "0x1f56\n")
		write(dir+"class", "0x120000\n")
		write(dir+"enable", "1\n")
		write(dir+"hwmon/hwmon0/temp1_input", "41500\n")
		write(fmt.Sprintf("%ssapeon/snx3_%d/dev", dir, i), "511:0\n")
		write(fmt.Sprintf("dev/snx3_%d", i), "")
	}
	return root
}
