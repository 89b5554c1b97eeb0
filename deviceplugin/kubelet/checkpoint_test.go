package kubelet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"

	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
)

// grant is an entry of the kubelet's checkpoint.
func grant(t *testing.T, resource, id string, response *pluginapi.ContainerAllocateResponse) map[string]any {
	t.Helper()
	data, err := proto.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"PodUID": "u", "ContainerName": "c", "ResourceName": resource, "DeviceIDs": map[string][]string{"0": {id}}, "AllocResp": data}
}

func nodes(paths ...string) *pluginapi.ContainerAllocateResponse {
	response := &pluginapi.ContainerAllocateResponse{}
	for _, path := range paths {
		response.Devices = append(response.Devices, &pluginapi.DeviceSpec{HostPath: path, ContainerPath: path})
	}
	return response
}

// After a restart of the node the kubelet repeats the response of Allocate, although /dev may be
// numbered anew. The response may be older than the use of CDI.
func TestPreStartContainerRejectsAnOutdatedGrant(t *testing.T) {
	for _, usesCDI := range []bool{false, true} {
		t.Run(fmt.Sprintf("CDI %t", usesCDI), func(t *testing.T) { testOutdatedGrants(t, usesCDI) })
	}
}

func testOutdatedGrants(t *testing.T, usesCDI bool) {
	t.Helper()
	const resource = "vendor.example/card"
	cdi := &pluginapi.ContainerAllocateResponse{CdiDevices: []*pluginapi.CDIDevice{{Name: resource + "=a"}}}
	for name, c := range map[string]struct {
		entries    []map[string]any
		renumbered string // the device's node after a reload of the driver
		ok         bool
	}{
		"no checkpoint":             {nil, "", true},
		"the current node":          {[]map[string]any{grant(t, resource, "a", nodes("/dev/a"))}, "", true},
		"a node before a reload":    {[]map[string]any{grant(t, resource, "a", nodes("/dev/a"))}, "/dev/b", false},
		"another card's node":       {[]map[string]any{grant(t, resource, "a", nodes("/dev/b"))}, "", false},
		"a CDI name":                {[]map[string]any{grant(t, resource, "a", cdi)}, "", true},
		"a grant of an earlier pod": {[]map[string]any{grant(t, resource, "a", nodes("/dev/b")), grant(t, resource, "a", nodes("/dev/a"))}, "", true},
		"another device":            {[]map[string]any{grant(t, resource, "b", nodes("/dev/x"))}, "", true},
		"another resource":          {[]map[string]any{grant(t, "vendor.example/other", "a", nodes("/dev/x"))}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			devices := inventorytest.New(entry("a", 0, true))
			if c.renumbered != "" {
				reloaded := entry("a", 0, true)
				reloaded.Device.Nodes = []string{c.renumbered}
				devices.Change(reloaded)
			}
			server := newServer(devices)
			server.Granter.CDI = usesCDI
			server.Granter.Target = func(node string) string { return node + "-behind-the-link" } // only for CDI specifications
			server.KubeletDir = t.TempDir()
			server.Granter.Resource, server.Granter.Shared = resource, func() []string { return nil }
			if c.entries != nil {
				data, err := json.Marshal(map[string]any{"Data": map[string]any{"PodDeviceEntries": c.entries}})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(server.KubeletDir, checkpointName), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := server.prepare(t.Context(), []string{"a"}); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
