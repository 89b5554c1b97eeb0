#!/usr/bin/env bash
# github.com/containerd/containerd/v2 v2.4.2 and tags.cncf.io/container-device-interface v1.1.1: a link that a device plugin may give as a
# device starts no container if it is in a CDI specification.
#
# Expected: the host path of a device means the same in the two ways by which a device plugin can grant it: as a device of its answer, and
# by the name of a device in a CDI specification, which the kubelet passes to the same runtime. udev's stable names, such as those in
# /dev/dri/by-path with the PCI address, are links.
# Observed: containerd follows the link of a device, and the container gets the node behind it. CDI reads the link itself, finds that it is
# "not a device node", and the container does not start. A plugin whose nodes are links works until its node's runtime has CDI.
#
# The program builds the devices of a container as containerd's CRI service does, with a link to /dev/null. It has a path below
# containerd's, because these packages are internal.
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
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/internal/cri/opts"
	"github.com/containerd/containerd/v2/pkg/oci"
	kernel "github.com/containerd/containerd/v2/pkg/os"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

func show(title string, option oci.SpecOpts, dir string) {
	spec := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{}}
	if err := option(context.Background(), nil, &containers.Container{}, spec); err != nil {
		fmt.Printf("%s: %s\n", title, strings.ReplaceAll(err.Error(), dir, "DIR"))
		return
	}
	for _, device := range spec.Linux.Devices {
		fmt.Printf("%s: %s %s %d:%d\n", title, device.Path, device.Type, device.Major, device.Minor)
	}
}

func main() {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	link := filepath.Join(dir, "npu-0000:3b:00.0")
	if err := os.Symlink("/dev/null", link); err != nil {
		panic(err)
	}
	for _, host := range []string{"/dev/null", link} {
		spec := fmt.Sprintf(`{"cdiVersion": "0.6.0", "kind": "example.com/npu", "devices": [
			{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/npu0", "hostPath": %q}]}}]}`, host)
		if err := os.WriteFile("npu.json", []byte(spec), 0o600); err != nil {
			panic(err)
		}
		if err := cdi.Configure(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false)); err != nil {
			panic(err)
		}
		fmt.Println(strings.ReplaceAll(host, dir, "DIR"))
		device := &cri.Device{ContainerPath: "/dev/npu0", HostPath: host, Permissions: "rw"}
		show("  device", opts.WithDevices(kernel.RealOS{}, &cri.ContainerConfig{Devices: []*cri.Device{device}}, false), dir)
		show("  CDI", opts.WithCDI(nil, []*cri.CDIDevice{{Name: "example.com/npu=0"}}), dir)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
/dev/null
  device: /dev/npu0 c 1:3
  CDI: /dev/npu0 c 1:3
DIR/npu-0000:3b:00.0
  device: /dev/npu0 c 1:3
  CDI: CDI device injection failed: failed to inject devices: failed to stat CDI host device "DIR/npu-0000:3b:00.0": not a device node
OUT
echo 'as described'
