#!/usr/bin/env bash
# tags.cncf.io/container-device-interface v1.1.1: the variables and mounts of a CDI file replace those that the pod sets itself.
#
# Expected: what a pod sets for its container counts last, as beside the answer of a device plugin: the kubelet (1.37) puts the pod's variables
# and volumes after the plugin's.
# Observed: CDI edits are applied to the finished container. A variable replaces the pod's, and a mount removes the one at its path, so that the
# volume is not mounted at all and its files are missing, without an error. A volume below the path stays. The same device gives
# other containers by CDI than by the device plugin's API, from which vendors move their edits to CDI files.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/opencontainers/runtime-spec v1.2.1
	tags.cncf.io/container-device-interface v1.1.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

const file = `{"cdiVersion": "0.6.0", "kind": "example.com/npu", "devices": [{"name": "0", "containerEdits": {
	"env": ["NPU_LOG_LEVEL=info"],
	"mounts": [{"hostPath": "/opt/npu", "containerPath": "/opt/npu"}]
}}]}`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	must(0, os.WriteFile("npu.json", []byte(file), 0o600))
	cache := must(cdi.NewCache(cdi.WithSpecDirs("."), cdi.WithAutoRefresh(false)))
	// The container as the runtime has it from the pod, with two volumes.
	container := &oci.Spec{
		Process: &oci.Process{Env: []string{"NPU_LOG_LEVEL=debug"}},
		Mounts: []oci.Mount{
			{Destination: "/opt/npu", Source: "/var/lib/kubelet/pods/a/volumes/own-libraries"},
			{Destination: "/opt/npu/models", Source: "/var/lib/kubelet/pods/a/volumes/models"},
		},
	}
	show := func(title string) {
		fmt.Println(title, container.Process.Env)
		for _, mount := range container.Mounts {
			fmt.Printf("  %s is %s\n", mount.Destination, mount.Source)
		}
	}
	show("pod:")
	unresolved, err := cache.InjectDevices(container, "example.com/npu=0")
	fmt.Println("injecting:", unresolved, err)
	show("container:")
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
pod: [NPU_LOG_LEVEL=debug]
  /opt/npu is /var/lib/kubelet/pods/a/volumes/own-libraries
  /opt/npu/models is /var/lib/kubelet/pods/a/volumes/models
injecting: [] <nil>
container: [NPU_LOG_LEVEL=info]
  /opt/npu is /opt/npu
  /opt/npu/models is /var/lib/kubelet/pods/a/volumes/models
OUT
echo 'as described'
