// Package description holds the one file that says what an accelerator looks
// like on a host: which PCI functions it is, where its device nodes, its health
// and its sensors are found, and what a container gets.
//
// Steps: decode strictly, fill what was left out, validate with the path of every
// wrong field.
//
// Invariants: a Description that Parse returned is complete and safe to use: its
// patterns compile, stay below the device they are resolved against and have wildcards
// in three elements at most; its thresholds can be reached. The X330's own description is embedded, and is a file
// like any other.
//
// It reads no hardware, and imports nothing else of the device plugin.
package description

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Version is the only format of the file so far.
const Version = "v1"

// Description says which PCI functions are devices of one resource, and how to
// look after them.
type Description struct {
	// version is the file's format: v1.
	Version string `json:"version"`
	// resource is the name pods ask for, such as sapeon.com/snx3.
	Resource string `json:"resource"`
	// condition is the type of the node condition that sums up the devices' health. It
	// ends in Healthy: the cluster lets a plugin write no other condition.
	Condition string `json:"condition"`

	PCI         PCI         `json:"pci"`
	UUID        []string    `json:"uuid,omitempty"`
	Nodes       Nodes       `json:"nodes,omitempty"`
	Container   Container   `json:"container,omitempty"`
	Health      Health      `json:"health,omitempty"`
	Preparation Preparation `json:"preparation,omitempty"`
	Telemetry   []Series    `json:"telemetry,omitempty"`
}

// PCI selects functions on the bus. Numbers are written as sysfs writes them,
// 0x1f56, and quoted.
type PCI struct {
	// vendor is required.
	Vendor string `json:"vendor"`
	// devices lists device ids; empty means every device of the vendor.
	Devices []string `json:"devices,omitempty"`
	// classes lists prefixes of the class code; empty means every class.
	Classes []string `json:"classes,omitempty"`
	// drivers lists the kernel drivers that may be bound. A device bound to another
	// driver, or to none, stays visible and unhealthy; empty means no check.
	Drivers []string `json:"drivers,omitempty"`
}

// Nodes says which device nodes are a device's own, and which every container gets.
// With neither sysfs nor dev, a device needs no node to be healthy.
type Nodes struct {
	// sysfs lists patterns below the device's sysfs directory; each match is a
	// directory that stands for a node, which its uevent names.
	Sysfs []string `json:"sysfs,omitempty"`
	// dev lists patterns of nodes whose name tells the device: /dev/npu-{address}.
	Dev []string `json:"dev,omitempty"`
	// shared lists patterns of nodes that every container gets: /dev/npuctl.
	Shared []string `json:"shared,omitempty"`
}

// Container says what a container gets beside its device nodes.
type Container struct {
	// environment is the name of the variable that lists the container's device ids,
	// separated by commas; empty means no variable.
	Environment string  `json:"environment,omitempty"`
	Mounts      []Mount `json:"mounts,omitempty"`
}

// Mount is a read-only directory or file of the host, such as a driver's libraries.
type Mount struct {
	HostPath      string `json:"hostPath"`
	ContainerPath string `json:"containerPath"`
}

// Health says how often a device is looked at and how much evidence a change of
// state takes.
type Health struct {
	// interval is the time between two probes of a device; 500ms if left out.
	Interval metav1.Duration `json:"interval,omitempty"`
	// timeout bounds one probe; a later answer counts as missing; 2s if left out.
	Timeout metav1.Duration `json:"timeout,omitempty"`
	// rescan is the time between two looks at the bus; 5s if left out.
	Rescan metav1.Duration `json:"rescan,omitempty"`
	// staleAfter is how long a device may give no data before its state is Unknown;
	// 30s if left out.
	StaleAfter metav1.Duration `json:"staleAfter,omitempty"`
	// forgetAfter is how long a device that left the bus is still reported, as
	// unhealthy; 10m if left out.
	ForgetAfter metav1.Duration `json:"forgetAfter,omitempty"`

	Fail    Fail    `json:"fail,omitempty"`
	Recover Recover `json:"recover,omitempty"`

	Attributes []Attribute `json:"attributes,omitempty"`
}

// Fail is the evidence that takes a device away.
type Fail struct {
	// bad probes of the last `of` make a suspect device unhealthy; 2 of 3 if left out.
	Bad int `json:"bad,omitempty"`
	Of  int `json:"of,omitempty"`
	// dwell is the least time a device stays suspect; none if left out.
	Dwell metav1.Duration `json:"dwell,omitempty"`
}

// Recover is the evidence that brings a device back.
type Recover struct {
	// good probes in a row; 5 if left out.
	Good int `json:"good,omitempty"`
	// dwell is the least time a device stays recovering; 10s if left out.
	Dwell *metav1.Duration `json:"dwell,omitempty"`
}

// Attribute is a sysfs file of the device that says something about its health.
// Exactly one of equals, not and within is set.
type Attribute struct {
	// path is a pattern below the device's sysfs directory; its first match is read.
	Path string `json:"path"`
	// equals lists the healthy values.
	Equals []string `json:"equals,omitempty"`
	// not lists the unhealthy values.
	Not []string `json:"not,omitempty"`
	// within holds the healthy range of a number, both ends included.
	Within *Range `json:"within,omitempty"`
	// whenAbsent is Unknown if a device without the file gives no data, the default,
	// or Ignored if some devices or drivers just do not have it.
	WhenAbsent Absence `json:"whenAbsent,omitempty"`
}

// Absence says what a missing attribute means.
type Absence string

// What a missing attribute means.
const (
	AbsenceUnknown Absence = "Unknown"
	AbsenceIgnored Absence = "Ignored"
)

// Range is a range of integers, in the attribute's own unit.
type Range struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// Preparation is the check before a container starts: the device must answer a
// probe and be free within the time.
type Preparation struct {
	// timeout bounds the check; 20s if left out. The kubelet gives up after 30s.
	Timeout metav1.Duration `json:"timeout,omitempty"`
	// free says that nothing else holds the device; left out, only the probe counts.
	Free *Attribute `json:"free,omitempty"`
}

// Series is a sensor of the device, exported under a name of its own.
type Series struct {
	// name is the metric's full name, base unit included: sapeon_t1_celsius.
	Name string `json:"name"`
	Help string `json:"help"`
	// path is a pattern below the device's sysfs directory; its first match is read.
	Path string `json:"path"`
	// divisor turns the file's unit into the base unit: 1000 for millidegrees; 1 if left out.
	Divisor int64 `json:"divisor,omitempty"`
}
