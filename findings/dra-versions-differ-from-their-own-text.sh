#!/usr/bin/env bash
# k8s.io/dynamic-resource-allocation v0.37.2: a selector that excludes devices by their version, with != and a text, excludes none.
#
# Expected: device.attributes["npu.example.com"].driverVersion != "1.2.3" does not match a device with this version, as for an attribute that is a
# string; or the type is wrong, and the claim is rejected.
# Observed: an attribute of the type version is no string. Every version differs from every text, also from its own, so that the selector matches all
# devices: a claim that avoids a defective driver gets a device with that driver. The opposite selector, ==, is an error for the same device, and both
# pass the validation of a claim, since attributes have their types in the ResourceSlices only. != semver("1.2.3") compares as meant.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/api v0.37.2
	k8s.io/dynamic-resource-allocation v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	resource "k8s.io/api/resource/v1"
	"k8s.io/dynamic-resource-allocation/cel"
)

func main() {
	version := "1.2.3"
	types := []struct {
		name      string
		attribute resource.DeviceAttribute
	}{
		{"string ", resource.DeviceAttribute{StringValue: &version}},
		{"version", resource.DeviceAttribute{VersionValue: &version}},
	}
	for _, comparison := range []string{`!= "1.2.3"`, `== "1.2.3"`, `!= semver("1.2.3")`, `== semver("1.2.3")`} {
		selector := cel.GetCompiler(cel.Features{}).CompileCELExpression(`device.attributes["npu.example.com"].driverVersion `+comparison, cel.Options{})
		if selector.Error != nil {
			fmt.Printf("driverVersion %s is invalid: %v\n", comparison, selector.Error)
			continue
		}
		for _, each := range types {
			matches, _, err := selector.DeviceMatches(context.Background(), cel.Device{
				Driver:     "npu.example.com",
				Attributes: map[resource.QualifiedName]resource.DeviceAttribute{"driverVersion": each.attribute},
			})
			fmt.Printf("%s 1.2.3, driverVersion %s: matches %t, error %v\n", each.name, comparison, matches, err)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
string  1.2.3, driverVersion != "1.2.3": matches false, error <nil>
version 1.2.3, driverVersion != "1.2.3": matches true, error <nil>
string  1.2.3, driverVersion == "1.2.3": matches true, error <nil>
version 1.2.3, driverVersion == "1.2.3": matches false, error no such overload
string  1.2.3, driverVersion != semver("1.2.3"): matches true, error <nil>
version 1.2.3, driverVersion != semver("1.2.3"): matches false, error <nil>
string  1.2.3, driverVersion == semver("1.2.3"): matches false, error <nil>
version 1.2.3, driverVersion == semver("1.2.3"): matches true, error <nil>
OUT
echo 'as described'
