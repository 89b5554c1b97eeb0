#!/usr/bin/env bash
# github.com/containerd/containerd/v2 v2.4.2 and tags.cncf.io/container-device-interface v1.1.1: whether a container that does not run as
# root can open its device depends on how the device plugin names it.
#
# Expected: a device node has the same owner and mode in the container, whether a device plugin grants it as a device of its answer or by the
# name of a device in a CDI specification.
# Observed: as a device, the node keeps the owner of the host, which is root for most drivers: with the mode 0660, a container that runs as
# another user cannot open it, unless containerd's device_ownership_from_security_context is set. By CDI, the node belongs to the user
# and the group of the container, and can be opened. An image that runs as a user works on nodes with CDI, and fails on others, with the same pod.
#
# The program builds the devices of a container as containerd's CRI service does, after the user. It has a path below containerd's, because these
# packages are internal. The host's node is /dev/null.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module github.com/containerd/containerd/v2/finding\n\ngo 1.26\n\nrequire (\n\tgithub.com/containerd/containerd/v2 v2.4.2\n\ttags.cncf.io/container-device-interface v1.1.1\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/internal/cri/opts"
	"github.com/containerd/containerd/v2/pkg/oci"
	kernel "github.com/containerd/containerd/v2/pkg/os"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

func show(title string, user specs.User, option oci.SpecOpts) {
	spec := &specs.Spec{Process: &specs.Process{User: user}, Linux: &specs.Linux{}}
	if err := option(context.Background(), nil, &containers.Container{}, spec); err != nil {
		panic(err)
	}
	device := spec.Linux.Devices[0]
	uid, gid := uint32(0), uint32(0)
	if device.UID != nil {
		uid = *device.UID
	}
	if device.GID != nil {
		gid = *device.GID
	}
	fmt.Printf("  %s: owner %d, group %d, mode %04o\n", title, uid, gid, *device.FileMode)
}

func main() {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	spec := `{"cdiVersion": "0.6.0", "kind": "example.com/npu", "devices": [
		{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/npu0", "hostPath": "/dev/null"}]}}]}`
	if err := os.WriteFile("npu.json", []byte(spec), 0o600); err != nil {
		panic(err)
	}
	if err := cdi.Configure(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false)); err != nil {
		panic(err)
	}
	device := &cri.Device{ContainerPath: "/dev/npu0", HostPath: "/dev/null", Permissions: "rw"}
	for _, user := range []specs.User{{}, {UID: 1000, GID: 2000}} {
		container := &cri.ContainerConfig{
			Devices: []*cri.Device{device}, CDIDevices: []*cri.CDIDevice{{Name: "example.com/npu=0"}},
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				RunAsUser: &cri.Int64Value{Value: int64(user.UID)}, RunAsGroup: &cri.Int64Value{Value: int64(user.GID)},
			}},
		}
		fmt.Printf("container with user %d, group %d\n", user.UID, user.GID)
		show("device", user, opts.WithDevices(kernel.RealOS{}, container, false))
		show("device, device_ownership_from_security_context", user, opts.WithDevices(kernel.RealOS{}, container, true))
		show("CDI", user, opts.WithCDI(nil, container.CDIDevices))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
container with user 0, group 0
  device: owner 0, group 0, mode 0666
  device, device_ownership_from_security_context: owner 0, group 0, mode 0666
  CDI: owner 0, group 0, mode 0666
container with user 1000, group 2000
  device: owner 0, group 0, mode 0666
  device, device_ownership_from_security_context: owner 1000, group 2000, mode 0666
  CDI: owner 1000, group 2000, mode 0666
OUT
echo 'as described'
