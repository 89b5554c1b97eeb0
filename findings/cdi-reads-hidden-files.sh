#!/usr/bin/env bash
# tags.cncf.io/container-device-interface v1.1.1: a hidden file beside a specification makes the devices of both unresolvable.
#
# Expected: a specification is replaced atomically in the usual way: written to a hidden file in its folder, and renamed. Runtimes read either
# the old or the new one.
# Observed: a runtime reads each file of the folder whose name ends with .json or .yaml, also a hidden one. While .npu.json lies beside npu.json, both
# have the same devices, which is a conflict, and neither file's are resolved, although the two are equal: containers that start
# in this time fail. One that stays after a crash of its writer is a lasting conflict. The name of a temporary file must end otherwise.
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
	"path/filepath"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

const spec = `{"cdiVersion":"0.6.0","kind":"example.com/npu","devices":[{"name":"0","containerEdits":{"env":["A=1"]}}]}`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	for _, temporary := range []string{"npu.json.tmp", ".npu", ".npu.json"} {
		dir := must(os.MkdirTemp(".", "cdi"))
		for _, name := range []string{"npu.json", temporary} {
			must(0, os.WriteFile(filepath.Join(dir, name), []byte(spec), 0o600))
		}
		cache := must(cdi.NewCache(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false)))
		_, err := cache.InjectDevices(&oci.Spec{}, "example.com/npu=0")
		fmt.Printf("npu.json and %s: %v, injecting: %v\n", temporary, cache.ListDevices(), err)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
npu.json and npu.json.tmp: [example.com/npu=0], injecting: <nil>
npu.json and .npu: [example.com/npu=0], injecting: <nil>
npu.json and .npu.json: [], injecting: unresolvable CDI devices example.com/npu=0
OUT
echo 'as described'
