package kubelet

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// Devices is the source of devices.
type Devices interface {
	// Snapshot returns the current devices, sorted by ID, and a channel that is closed
	// when they change.
	Snapshot() ([]inventory.Entry, <-chan struct{})
	// Refresh reads devices again; snapshots have them once it returns.
	Refresh(ctx context.Context, ids []string) error
	// Ready is closed once a snapshot can be advertised.
	Ready() <-chan struct{}
}

// Prober probes a device.
type Prober interface {
	Observe(ctx context.Context, device discovery.Device) health.Observation
	Free(ctx context.Context, device discovery.Device) health.Observation
}

// Server responds to the kubelet's calls.
type Server struct {
	Devices Devices
	Prober  Prober
	Granter allocate.Granter
	// BeforeGrant runs before devices are granted, and before a container starts; an error
	// rejects the call.
	BeforeGrant func() error
	// KubeletDir holds the kubelet's checkpoint of grants.
	KubeletDir string
	// PreparationTimeout bounds the check before a container starts.
	PreparationTimeout time.Duration
	Clock              clock.Clock
	Metrics            *Metrics
}

func (s *Server) options() *pluginapi.DevicePluginOptions {
	return &pluginapi.DevicePluginOptions{PreStartRequired: true, GetPreferredAllocationAvailable: true}
}

// advertise returns the devices for the kubelet. A device that is not offered is unhealthy. If the NUMA node of one is
// unknown, none has a topology: under the kubelet's policies single-numa-node and restricted, a device without topology
// can be used only if no other has one, and a device on a node -1 never.
func advertise(entries []inventory.Entry) []*pluginapi.Device {
	isUnknown := func(entry inventory.Entry) bool { return entry.Device.NUMANode == discovery.NoNUMANode }
	hasTopology := !slices.ContainsFunc(entries, isUnknown)
	devices := make([]*pluginapi.Device, len(entries))
	for i, entry := range entries {
		devices[i] = &pluginapi.Device{ID: entry.Device.ID, Health: pluginapi.Unhealthy}
		if entry.Health.Offered {
			devices[i].Health = pluginapi.Healthy
		}
		if hasTopology {
			devices[i].Topology = &pluginapi.TopologyInfo{Nodes: []*pluginapi.NUMANode{{ID: int64(entry.Device.NUMANode)}}}
		}
	}
	return devices
}

func (s *Server) preferred(request *pluginapi.PreferredAllocationRequest) *pluginapi.PreferredAllocationResponse {
	start := s.Clock.Now()
	defer func() { s.Metrics.preferred.Observe(s.Clock.Since(start).Seconds()) }()
	entries, _ := s.Devices.Snapshot()
	places := make([]allocate.Place, len(entries))
	for i, entry := range entries {
		places[i] = allocate.Place{ID: entry.Device.ID, NUMANode: entry.Device.NUMANode, Root: entry.Device.Root}
	}
	response := &pluginapi.PreferredAllocationResponse{}
	for _, r := range request.GetContainerRequests() {
		ids := allocate.Prefer(places, r.GetAvailableDeviceIDs(), r.GetMustIncludeDeviceIDs(), int(r.GetAllocationSize()))
		response.ContainerResponses = append(response.ContainerResponses,
			&pluginapi.ContainerPreferredAllocationResponse{DeviceIDs: ids})
	}
	return response
}

func (s *Server) allocate(ctx context.Context, request *pluginapi.AllocateRequest) (*pluginapi.AllocateResponse, error) {
	var ids []string
	for _, r := range request.GetContainerRequests() {
		ids = append(ids, r.GetDevicesIds()...)
	}
	if err := s.refresh(ctx, ids); err != nil {
		return nil, err
	}
	response := &pluginapi.AllocateResponse{}
	for _, r := range request.GetContainerRequests() {
		devices, err := s.offered(r.GetDevicesIds())
		if err != nil {
			return nil, err
		}
		response.ContainerResponses = append(response.ContainerResponses, containerResponse(s.Granter.Grant(devices)))
	}
	return response, nil
}

// refreshTimeout bounds the reads of refresh: each may take a second, see package discovery.
const refreshTimeout = 5 * time.Second

// refresh brings the devices, and the files that grants refer to, up to date.
func (s *Server) refresh(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	if err := s.Devices.Refresh(ctx, ids); err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	if err := s.BeforeGrant(); err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return nil
}

// offered returns devices, all of which must be offered.
func (s *Server) offered(ids []string) ([]discovery.Device, error) {
	devices := make([]discovery.Device, len(ids))
	for i, id := range ids {
		entry, err := s.find(id)
		if err != nil {
			return nil, err
		}
		if h := entry.Health; !h.Offered {
			return nil, status.Errorf(codes.FailedPrecondition, "device %s is %s: %s: %s", id, h.State, h.Reason.Code, h.Reason.Message)
		}
		devices[i] = entry.Device
	}
	return devices, nil
}

func (s *Server) find(id string) (inventory.Entry, error) {
	entries, _ := s.Devices.Snapshot()
	at := slices.IndexFunc(entries, func(e inventory.Entry) bool { return e.Device.ID == id })
	if at < 0 {
		return inventory.Entry{}, status.Errorf(codes.NotFound, "device %s does not exist", id)
	}
	return entries[at], nil
}

func containerResponse(grant allocate.Grant) *pluginapi.ContainerAllocateResponse {
	response := &pluginapi.ContainerAllocateResponse{Envs: grant.Environment}
	for _, node := range grant.Nodes {
		response.Devices = append(response.Devices, &pluginapi.DeviceSpec{
			ContainerPath: node.Container, HostPath: node.Host, Permissions: "rw",
		})
	}
	for _, mount := range grant.Mounts {
		response.Mounts = append(response.Mounts, &pluginapi.Mount{
			ContainerPath: mount.Container, HostPath: mount.Host, ReadOnly: mount.ReadOnly,
		})
	}
	for _, name := range grant.CDI {
		response.CdiDevices = append(response.CdiDevices, &pluginapi.CDIDevice{Name: name})
	}
	return response
}
