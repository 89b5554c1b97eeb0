#!/usr/bin/env bash
# tags.cncf.io/container-device-interface v1.1.1: a device without edits makes every device
# of its specification unresolvable.
#
# Expected: a CDI specification with one good device and one whose containerEdits are empty
# resolves the good one, or the file is reported on refresh as an error.
# Observed: no device of the file resolves, and the error of InjectDevices, which a container
# runtime reports for the good device, names neither the file nor the cause; those are in
# Refresh and Cache.GetErrors only.
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
	"strings"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

const good = `{"name":"good","containerEdits":{"env":["A=1"]}}`

func devices(list string) ([]string, error) {
	dir, err := os.MkdirTemp(".", "cdi")
	if err != nil {
		panic(err)
	}
	spec := `{"cdiVersion":"0.6.0","kind":"example.com/device","devices":[` + list + `]}`
	if err := os.WriteFile(filepath.Join(dir, "example.json"), []byte(spec), 0o600); err != nil {
		panic(err)
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(dir), cdi.WithAutoRefresh(false))
	if err != nil {
		panic(err)
	}
	_, err = cache.InjectDevices(&oci.Spec{}, "example.com/device=good")
	return cache.ListDevices(), err
}

func main() {
	for _, list := range []string{good, good + `,{"name":"empty","containerEdits":{}}`} {
		names, err := devices(list)
		fmt.Printf("%d devices: [%s], injecting the good one: %v\n",
			strings.Count(list, "name"), strings.Join(names, " "), err)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
1 devices: [example.com/device=good], injecting the good one: <nil>
2 devices: [], injecting the good one: unresolvable CDI devices example.com/device=good
OUT
echo 'as described'
