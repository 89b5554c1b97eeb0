package kubelet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestListAndWatchSendsOnlyAdvertisedChanges(t *testing.T) {
	devices := inventorytest.New(entry("a", 0, true), entry("b", 1, true))
	client := dial(t, start(t, newServer(devices)))
	stream, err := client.ListAndWatch(t.Context(), &pluginapi.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	a := &pluginapi.Device{ID: "a", Health: "Healthy", Topology: &pluginapi.TopologyInfo{Nodes: []*pluginapi.NUMANode{{ID: 0}}}}
	b := &pluginapi.Device{ID: "b", Health: "Healthy", Topology: &pluginapi.TopologyInfo{Nodes: []*pluginapi.NUMANode{{ID: 1}}}}
	receive(t, stream, a, b)

	suspect := entry("b", 1, true)
	suspect.Health.State = health.Suspect
	devices.Set(entry("a", 0, true), suspect) // advertised as before
	devices.Set(entry("a", 0, true), entry("b", 1, false))
	b.Health = "Unhealthy"
	receive(t, stream, a, b)
}

func TestNoDeviceHasTopologyIfOneHasNoNUMANode(t *testing.T) {
	client := dial(t, start(t, newServer(inventorytest.New(entry("a", 0, true), entry("b", discovery.NoNUMANode, true)))))
	stream, err := client.ListAndWatch(t.Context(), &pluginapi.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, stream, &pluginapi.Device{ID: "a", Health: "Healthy"}, &pluginapi.Device{ID: "b", Health: "Healthy"})
}

func TestAllocateRejectsDevicesThatAreNotOffered(t *testing.T) {
	devices := inventorytest.New(entry("a", 0, true), entry("b", 0, false))
	server := newServer(devices)
	client := dial(t, start(t, server))
	for name, c := range map[string]struct {
		ids     []string
		code    codes.Code
		message string
	}{
		"an unknown device":     {[]string{"a", "z"}, codes.NotFound, "device z does not exist"},
		"an unhealthy device":   {[]string{"b"}, codes.FailedPrecondition, "device b is Unhealthy: DeviceNodeMissing: /dev/b does not exist"},
		"a device that is well": {[]string{"a"}, codes.OK, ""},
	} {
		_, err := client.Allocate(t.Context(), ask(c.ids...))
		if got := status.Convert(err); got.Code() != c.code || got.Message() != c.message {
			t.Errorf("%s: got %s: %s", name, got.Code(), got.Message())
		}
	}
	response, err := client.Allocate(t.Context(), ask("a"))
	if err != nil {
		t.Fatal(err)
	}
	want := &pluginapi.AllocateResponse{ContainerResponses: []*pluginapi.ContainerAllocateResponse{{
		Envs:    map[string]string{"VISIBLE": "a"},
		Devices: []*pluginapi.DeviceSpec{{ContainerPath: "/dev/a", HostPath: "/dev/a", Permissions: "rw"}},
		Mounts:  []*pluginapi.Mount{{ContainerPath: "/lib/npu", HostPath: "/opt/npu", ReadOnly: true}},
	}}}
	if diff := cmp.Diff(want, response, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := testutil.ToFloat64(server.Metrics.allocations.WithLabelValues("failure")); got != 2 {
		t.Errorf("counted %v refusals", got)
	}
}

// A driver that is reloaded renumbers its nodes, and no scan has seen it yet.
func TestGrantHasTheNodesOfAReloadedDriver(t *testing.T) {
	reloaded := entry("a", 0, true)
	reloaded.Device.Nodes = []string{"/dev/b"}
	devices := inventorytest.New(entry("a", 0, true))
	devices.Change(reloaded)
	server := newServer(devices)
	response, err := server.allocate(t.Context(), ask("a"))
	if err != nil {
		t.Fatal(err)
	}
	if got := response.GetContainerResponses()[0].GetDevices()[0].GetHostPath(); got != "/dev/b" {
		t.Errorf("granted %s", got)
	}
}

func TestAllocateFailsWithoutCDISpecification(t *testing.T) {
	server := newServer(inventorytest.New(entry("a", 0, true)))
	server.Granter.CDI = true
	client := dial(t, start(t, server))
	response, err := client.Allocate(t.Context(), ask("a"))
	if err != nil {
		t.Fatal(err)
	}
	want := []*pluginapi.CDIDevice{{Name: "vendor.example/card=a"}}
	if diff := cmp.Diff(want, response.GetContainerResponses()[0].GetCdiDevices(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	server.BeforeGrant = func() error { return errors.New("the disk is full") }
	if _, err := client.Allocate(t.Context(), ask("a")); status.Code(err) != codes.Unavailable {
		t.Errorf("without a specification: %v", err)
	}
}

func TestPreferredAllocationNeverFails(t *testing.T) {
	client := dial(t, start(t, newServer(inventorytest.New(entry("a", 0, true), entry("b", 1, true), entry("c", 1, true)))))
	for name, c := range map[string]struct {
		available, required []string
		size                int32
		want                []string
	}{
		"a pair of one node":     {[]string{"a", "b", "c"}, nil, 2, []string{"b", "c"}},
		"a senseless size":       {[]string{"a"}, []string{"a"}, -1, nil},
		"unknown devices":        {[]string{"y", "z"}, nil, 1, []string{"y"}},
		"nothing to choose from": {nil, nil, 3, nil},
	} {
		response, err := client.GetPreferredAllocation(t.Context(), &pluginapi.PreferredAllocationRequest{
			ContainerRequests: []*pluginapi.ContainerPreferredAllocationRequest{{
				AvailableDeviceIDs: c.available, MustIncludeDeviceIDs: c.required, AllocationSize: c.size,
			}},
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, response.GetContainerResponses()[0].GetDeviceIDs()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestPreStartContainerWaitsForFreeDevices(t *testing.T) {
	for name, c := range map[string]struct {
		observed, free []health.Result // of consecutive probes; the last one is repeated
		wantError      bool
		wantTime       time.Duration
	}{
		"free at once":                   {[]health.Result{health.Good}, []health.Result{health.Good}, false, 0},
		"free once its last user is out": {[]health.Result{health.Good}, []health.Result{health.Bad, health.Bad, health.Good}, false, 2 * preparationPoll},
		"never free":                     {[]health.Result{health.Good}, []health.Result{health.Bad}, true, time.Second},
		"no data on its users":           {[]health.Result{health.Good}, []health.Result{health.NoData}, true, time.Second},
		"no data":                        {[]health.Result{health.NoData}, nil, true, time.Second},
		"gone":                           {[]health.Result{health.Absent}, nil, true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newServer(inventorytest.New(entry("a", 0, true)))
				server.Prober = &script{observed: c.observed, free: c.free}
				began := time.Now()
				err := server.prepare(t.Context(), []string{"a"})
				if (err != nil) != c.wantError {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != c.wantTime {
					t.Errorf("took %s, want %s", took, c.wantTime)
				}
			})
		})
	}
}

func TestPreStartContainerRejectsUnknownDevices(t *testing.T) {
	server := newServer(inventorytest.New())
	if err := server.prepare(t.Context(), []string{"a"}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestStopDrainsCallsAndEndsTheStream(t *testing.T) {
	server := newServer(inventorytest.New(entry("a", 0, true)))
	prober := &script{observed: []health.Result{health.Good}, free: []health.Result{health.Good}, hold: make(chan struct{}), held: make(chan struct{})}
	server.Prober = prober
	s := start(t, server)
	client := dial(t, s)
	stream, err := client.ListAndWatch(t.Context(), &pluginapi.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	responded := make(chan error)
	go func() {
		_, err := client.PreStartContainer(t.Context(), &pluginapi.PreStartContainerRequest{DevicesIds: []string{"a"}})
		responded <- err
	}()
	<-prober.held
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop(time.Minute)
	}()
	if _, err := stream.Recv(); err == nil {
		t.Error("the stream goes on")
	}
	close(prober.hold)
	if err := <-responded; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	<-stopped
}

// newServer is a server whose preparations take a second at most.
func newServer(devices Devices) *Server {
	return &Server{
		Devices: devices,
		Prober:  &script{observed: []health.Result{health.Good}, free: []health.Result{health.Good}},
		Granter: allocate.Granter{
			Resource: "vendor.example/card",
			Container: description.Container{
				Environment: "VISIBLE", Mounts: []description.Mount{{HostPath: "/opt/npu", ContainerPath: "/lib/npu"}},
			},
			Shared: func() []string { return nil },
		},
		BeforeGrant:        func() error { return nil },
		PreparationTimeout: time.Second,
		Clock:              clock.RealClock{},
		Metrics:            NewMetrics(prometheus.NewRegistry()),
	}
}

func start(t *testing.T, server *Server) *session {
	t.Helper()
	s, err := serve(t.Context(), server, socketDir(t), func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-s.served:
		default:
			s.stop(0)
		}
	})
	return s
}

// socketDir is a short directory: a socket's path has 107 bytes at most, and that of
// t.TempDir holds the test's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dp") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func dial(t *testing.T, s *session) pluginapi.DevicePluginClient {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+filepath.Clean(s.path), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pluginapi.NewDevicePluginClient(conn)
}

func receive(t *testing.T, stream grpc.ServerStreamingClient[pluginapi.ListAndWatchResponse], want ...*pluginapi.Device) {
	t.Helper()
	got, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&pluginapi.ListAndWatchResponse{Devices: want}, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func ask(ids ...string) *pluginapi.AllocateRequest {
	return &pluginapi.AllocateRequest{ContainerRequests: []*pluginapi.ContainerAllocateRequest{{DevicesIds: ids}}}
}

func entry(id string, node int, offered bool) inventory.Entry {
	e := inventory.Entry{
		Device: discovery.Device{ID: id, NUMANode: node, Nodes: []string{"/dev/" + id}},
		Health: health.Status{State: health.Healthy, Offered: offered},
	}
	if !offered {
		e.Health.State = health.Unhealthy
		e.Health.Reason = health.Reason{Code: "DeviceNodeMissing", Message: "/dev/" + id + " does not exist"}
	}
	return e
}

// script is a prober that returns a sequence of observations.
type script struct {
	mu             sync.Mutex
	observed, free []health.Result
	hold, held     chan struct{} // if set, a probe closes held and waits for hold
}

func (s *script) Observe(context.Context, discovery.Device) health.Observation {
	if s.hold != nil {
		close(s.held)
		<-s.hold
	}
	return s.next(&s.observed)
}

func (s *script) Free(context.Context, discovery.Device) health.Observation {
	return s.next(&s.free)
}

func (s *script) next(results *[]health.Result) health.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := (*results)[0]
	if len(*results) > 1 {
		*results = (*results)[1:]
	}
	return health.Observation{Result: result, Reason: health.Reason{Code: "Scripted"}}
}
