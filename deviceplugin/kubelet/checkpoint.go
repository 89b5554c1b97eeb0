package kubelet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// checkpointName is the kubelet's file of grants, in the device plugin directory.
const checkpointName = "kubelet_internal_checkpoint"

// checkpoint is the part of the kubelet's file (v1.37, pkg/kubelet/cm/devicemanager/checkpoint)
// that is read here.
type checkpoint struct {
	Data struct {
		PodDeviceEntries []struct {
			ResourceName string
			DeviceIDs    map[string][]string // by NUMA node
			AllocResp    []byte
		}
	}
}

// checkGrant returns an error if the kubelet starts a container with an outdated grant: it
// repeats the response of Allocate after a restart of the node, which may renumber /dev, so that
// a path of the response is another device's. Grants by CDI name are resolved at the start. A
// checkpoint that cannot be read proves nothing.
func (s *Server) checkGrant(ids []string) error {
	granted := s.granted(ids)
	if len(granted) == 0 {
		return nil
	}
	var own, foreign []string
	entries, _ := s.Devices.Snapshot()
	for _, entry := range entries {
		for _, node := range s.Granter.Own(entry.Device).Nodes {
			if slices.Contains(ids, entry.Device.ID) {
				own = append(own, node.Host)
			} else {
				foreign = append(foreign, node.Host)
			}
		}
	}
	for _, nodes := range granted {
		if nodes == nil || isCurrent(nodes, own, foreign) {
			return nil
		}
	}
	return status.Errorf(codes.FailedPrecondition,
		"the device nodes of %v are %v now, the container was granted %v: delete the pod, so that it is granted anew", ids, own, granted[0])
}

// isCurrent reports whether a grant has all nodes of its devices, and none of another device's
// own: partitions of a function share some.
func isCurrent(nodes, own, foreign []string) bool {
	for _, node := range own {
		if !slices.Contains(nodes, node) {
			return false
		}
	}
	return !slices.ContainsFunc(nodes, func(node string) bool {
		return slices.Contains(foreign, node) && !slices.Contains(own, node)
	})
}

// granted returns the host paths of each grant of exactly these devices; nil stands for a grant
// by CDI name.
func (s *Server) granted(ids []string) [][]string {
	data, err := os.ReadFile(filepath.Join(s.KubeletDir, checkpointName))
	if err != nil {
		return nil
	}
	var file checkpoint
	if err := json.Unmarshal(data, &file); err != nil {
		return nil
	}
	requested := slices.Sorted(slices.Values(ids))
	var grants [][]string
	for _, entry := range file.Data.PodDeviceEntries {
		var devices []string
		for _, list := range entry.DeviceIDs {
			devices = append(devices, list...)
		}
		slices.Sort(devices)
		response := &pluginapi.ContainerAllocateResponse{}
		if entry.ResourceName != s.Granter.Resource || !slices.Equal(devices, requested) || proto.Unmarshal(entry.AllocResp, response) != nil {
			continue
		}
		if len(response.GetCdiDevices()) > 0 {
			grants = append(grants, nil)
			continue
		}
		nodes := []string{}
		for _, device := range response.GetDevices() {
			nodes = append(nodes, device.GetHostPath())
		}
		grants = append(grants, nodes)
	}
	return grants
}
