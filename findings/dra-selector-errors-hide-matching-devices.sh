#!/usr/bin/env bash
# k8s.io/dynamic-resource-allocation v0.37.2: a device without the attribute of a selector makes a claim fail, although another device matches.
#
# Expected: a selector such as device.attributes["npu.example.com"].generation > 1 does not match devices that lack the attribute, as a label
# selector does not match nodes that lack the label.
# Observed: it is an error, which ends the allocation for the whole claim, and the scheduler tries no other node. Whether the error occurs depends on
# the order of the devices and of the ResourceSlices: it does if the device without the attribute comes first. Devices of all drivers are
# compared, unless the DeviceClass selects a driver. An engineer who tests a selector on one node sees it work. `.?generation.orValue(0)`
# works in any order.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/dynamic-resource-allocation v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resource "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
)

const driver = "npu.example.com"

type classes struct{}

func (classes) List() ([]*resource.DeviceClass, error) { return nil, nil }

func (classes) Get(name string) (*resource.DeviceClass, error) {
	return &resource.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: name}}, nil
}

func slice(names []string) *resource.ResourceSlice {
	node, generation := "a", int64(2)
	spec := resource.ResourceSliceSpec{Driver: driver, NodeName: &node, Pool: resource.ResourcePool{Name: node, ResourceSliceCount: 1}}
	for _, name := range names {
		device := resource.Device{Name: name}
		if name == "new" {
			device.Attributes = map[resource.QualifiedName]resource.DeviceAttribute{"generation": {IntValue: &generation}}
		}
		spec.Devices = append(spec.Devices, device)
	}
	return &resource.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: spec}
}

func allocate(selector string, names []string) (string, error) {
	allocator, err := structured.NewAllocator(context.Background(), structured.Features{}, structured.AllocatedState{}, classes{},
		[]*resource.ResourceSlice{slice(names)}, cel.NewCache(1, cel.Features{}))
	if err != nil {
		return "", err
	}
	request := resource.DeviceRequest{Name: "npu", Exactly: &resource.ExactDeviceRequest{
		DeviceClassName: "any", AllocationMode: resource.DeviceAllocationModeExactCount, Count: 1,
		Selectors: []resource.DeviceSelector{{CEL: &resource.CELDeviceSelector{Expression: selector}}},
	}}
	claim := &resource.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "claim"},
		Spec:       resource.ResourceClaimSpec{Devices: resource.DeviceClaim{Requests: []resource.DeviceRequest{request}}},
	}
	results, err := allocator.Allocate(context.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, []*resource.ResourceClaim{claim})
	if err != nil {
		return "", err
	}
	return results[0].Devices.Results[0].Device, nil
}

func main() {
	for _, selector := range []string{
		`device.attributes["` + driver + `"].generation > 1`,
		`device.attributes["` + driver + `"].?generation.orValue(0) > 1`,
	} {
		fmt.Println(selector)
		for _, names := range [][]string{{"new", "old"}, {"old", "new"}} {
			device, err := allocate(selector, names)
			fmt.Printf("  of %v: device %q, error %t\n", names, device, err != nil)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
device.attributes["npu.example.com"].generation > 1
  of [new old]: device "new", error false
  of [old new]: device "", error true
device.attributes["npu.example.com"].?generation.orValue(0) > 1
  of [new old]: device "new", error false
  of [old new]: device "new", error false
OUT
echo 'as described'
