package exporter

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

func TestHealthExportsCountsAndReasons(t *testing.T) {
	healthy, broken := card("0000:3b:00.0"), card("0000:5e:00.0")
	healthy.Device.Nodes, healthy.Device.Physical = []string{"/dev/npu/npu0"}, "0000:3b:00.7"
	broken.Health = health.Status{State: health.Unhealthy, Reason: health.Reason{Code: "DeviceNodeMissing", Message: "m"}}
	d := description.Description{Type: "PE", Model: "PE-1"}
	want := `
# HELP nufi_deviceplugin_device_info 1 for a device, with the type and model of its description.
# TYPE nufi_deviceplugin_device_info gauge
nufi_deviceplugin_device_info{device="0000:3b:00.0",driver="",hostname="host",model="PE-1",name="npu0",physical_function="0000:3b:00.7",type="PE",uuid="uuid-0000:3b:00.0"} 1
nufi_deviceplugin_device_info{device="0000:5e:00.0",driver="",hostname="host",model="PE-1",name="",physical_function="",type="PE",uuid="uuid-0000:5e:00.0"} 1
# HELP nufi_deviceplugin_device_state 1 for the current state of a device, with its reason.
# TYPE nufi_deviceplugin_device_state gauge
nufi_deviceplugin_device_state{device="0000:3b:00.0",hostname="host",name="npu0",reason="Answering",state="Healthy",uuid="uuid-0000:3b:00.0"} 1
nufi_deviceplugin_device_state{device="0000:5e:00.0",hostname="host",name="",reason="DeviceNodeMissing",state="Unhealthy",uuid="uuid-0000:5e:00.0"} 1
# HELP nufi_deviceplugin_devices Devices by health state.
# TYPE nufi_deviceplugin_devices gauge
nufi_deviceplugin_devices{state="Healthy"} 1
nufi_deviceplugin_devices{state="Recovering"} 0
nufi_deviceplugin_devices{state="Suspect"} 0
nufi_deviceplugin_devices{state="Unhealthy"} 1
nufi_deviceplugin_devices{state="Unknown"} 0
`
	expect(t, NewHealth(inventorytest.New(healthy, broken), d, "host"), want)
}

func TestTypeOfADescriptionWithoutOneIsItsResource(t *testing.T) {
	expect(t, NewHealth(inventorytest.New(card("a")), description.Description{Resource: "habana.ai/gaudi"}, "host"), `
# HELP nufi_deviceplugin_device_info 1 for a device, with the type and model of its description.
# TYPE nufi_deviceplugin_device_info gauge
nufi_deviceplugin_device_info{device="a",driver="",hostname="host",model="",name="",physical_function="",type="habana.ai/gaudi",uuid="uuid-a"} 1
`, "nufi_deviceplugin_device_info")
}

func TestTransitionsAreCountedByFromAndTo(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	transitions := NewTransitions(registry)
	for range 2 {
		transitions.Count(inventory.Transition{From: health.Healthy, To: health.Suspect})
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP nufi_deviceplugin_transitions_total Changes of a device's health state.
# TYPE nufi_deviceplugin_transitions_total counter
nufi_deviceplugin_transitions_total{from="Healthy",to="Suspect"} 2
`)); err != nil {
		t.Error(err)
	}
}

func TestX330SensorsAreExportedInBaseUnits(t *testing.T) {
	d, err := description.X330()
	if err != nil {
		t.Fatal(err)
	}
	host := fstest.MapFS{
		"sys/0000:3b:00.0/hwmon/hwmon7/temp1_input":  {Data: []byte("41500.0\n")},
		"sys/0000:3b:00.0/hwmon/hwmon7/temp2_input":  {Data: []byte("39000\n")},
		"sys/0000:3b:00.0/hwmon/hwmon7/power1_input": {Data: []byte("75250000\n")},
		"sys/0000:5e:00.0/hwmon/hwmon8/temp1_input":  {Data: []byte("n/a\n")},
	}
	devices := inventorytest.New(card("0000:3b:00.0"), card("0000:5e:00.0"))
	expect(t, NewTelemetry(devices, sysfs.New(host), d.Telemetry, "npu-node-1"), `
# HELP sapeon_p1_watts Power drawn by the card.
# TYPE sapeon_p1_watts gauge
sapeon_p1_watts{device="0000:3b:00.0",hostname="npu-node-1",uuid="uuid-0000:3b:00.0"} 75.25
# HELP sapeon_t1_celsius Temperature of the first sensor.
# TYPE sapeon_t1_celsius gauge
sapeon_t1_celsius{device="0000:3b:00.0",hostname="npu-node-1",uuid="uuid-0000:3b:00.0"} 41.5
# HELP sapeon_t2_celsius Temperature of the second sensor.
# TYPE sapeon_t2_celsius gauge
sapeon_t2_celsius{device="0000:3b:00.0",hostname="npu-node-1",uuid="uuid-0000:3b:00.0"} 39
`)
}

// A named pipe without a writer blocks its reader the way a stuck driver does.
func TestStuckSensorDelaysTheScrapeByItsTimeout(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys", "a")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "power")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("named pipes are needed: %v", err)
	}
	defer answer(t, pipe)
	devices := inventorytest.New(card("a"))
	series := []description.Series{{Name: "card_watts", Help: "Power.", Path: "power", Divisor: 1}}
	began := time.Now()
	expect(t, NewTelemetry(devices, sysfs.New(os.DirFS(root)), series, "host"), "") // Without a timeout, this would not end.
	if took := time.Since(began); took < scrapeTimeout {
		t.Errorf("took %s", took)
	}
}

// answer ends a read that is stuck in a named pipe.
func answer(t *testing.T, pipe string) {
	t.Helper()
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestHoldersAreExportedWhileTheKubeletResponds(t *testing.T) {
	dir, err := os.MkdirTemp("", "pr") //nolint:usetesting // a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the test is over
	socket := filepath.Join(dir, "kubelet.sock")
	attribution := NewAttribution(inventorytest.New(card("a")), socket, "sapeon.com/snx3", "host")
	const up = `
# HELP nufi_deviceplugin_pod_resources_up 1 if the kubelet reported the holders of the devices, 0 if it did not respond.
# TYPE nufi_deviceplugin_pod_resources_up gauge
nufi_deviceplugin_pod_resources_up `
	expect(t, attribution, up+"0\n")

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	podresources.RegisterPodResourcesListerServer(server, noPods{})
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	expect(t, attribution, `
# HELP nufi_deviceplugin_device_allocated 1 for a device and the container that holds it, 0 for a free device.
# TYPE nufi_deviceplugin_device_allocated gauge
nufi_deviceplugin_device_allocated{container="",device="a",hostname="host",name="",namespace="",pod="",uuid="uuid-a"} 0`+up+"1\n")
	server.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	expect(t, attribution, up+"0\n")
}

type noPods struct {
	podresources.UnimplementedPodResourcesListerServer
}

func (noPods) List(context.Context, *podresources.ListPodResourcesRequest) (*podresources.ListPodResourcesResponse, error) {
	return &podresources.ListPodResourcesResponse{}, nil
}

func TestHoldersOfOtherResourcesAreIgnored(t *testing.T) {
	devices := func(resource string, ids ...string) *podresources.ContainerDevices {
		return &podresources.ContainerDevices{ResourceName: resource, DeviceIds: ids}
	}
	container := func(name string, devices ...*podresources.ContainerDevices) *podresources.ContainerResources {
		return &podresources.ContainerResources{Name: name, Devices: devices}
	}
	a := Attribution{resource: "sapeon.com/snx3"}
	got := a.holders(&podresources.ListPodResourcesResponse{PodResources: []*podresources.PodResources{
		{Namespace: "ml", Name: "llama", Containers: []*podresources.ContainerResources{
			container("server", devices("sapeon.com/snx3", "a"), devices("sapeon.com/snx3", "b"), devices("other.example/nic", "a")),
			container("sidecar"),
		}},
		{Namespace: "ml", Name: "other", Containers: []*podresources.ContainerResources{container("c", devices("other.example/nic", "b"))}},
	}})
	server := map[holder]bool{{"ml", "llama", "server"}: true}
	want := map[string]map[holder]bool{"a": server, "b": server}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(holder{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func expect(t *testing.T, collector prometheus.Collector, want string, names ...string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func card(id string) inventory.Entry {
	return inventory.Entry{
		Device: discovery.Device{ID: id, Dir: "sys/" + id, UUID: "uuid-" + id},
		Health: health.Status{State: health.Healthy, Offered: true, Reason: health.Reason{Code: "Answering"}},
	}
}
