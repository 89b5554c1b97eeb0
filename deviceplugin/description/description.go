// Package description parses the file that describes an accelerator: its PCI
// functions, device nodes, health attributes and sensors, and what a container gets.
//
// Steps: decode strictly, apply defaults, validate and report each violation with its
// field path.
//
// Invariants: a Description from Parse is complete: its patterns compile, stay below the
// device's directory and have wildcards in three elements at most; its thresholds can be
// reached. The X330's description is embedded, and is a file like any other.
//
// It reads no hardware, and imports nothing else of the device plugin.
package description

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Version is the only format of the file.
const Version = "v1"

// Description selects the PCI functions that are devices of one resource, and
// configures their nodes, health and metrics.
type Description struct {
	// version is the file's format: v1.
	Version string `json:"version"`
	// resource is the extended resource's name, such as sapeon.com/snx3.
	Resource string `json:"resource"`
	// condition is the type of the node condition that summarizes the devices' health. It
	// must end in Healthy: the admission policy permits no other condition.
	Condition string `json:"condition"`
	// type and model name the accelerator in metrics: ATOM, RBLN-CA25; empty if left out.
	Type  string `json:"type,omitempty"`
	Model string `json:"model,omitempty"`

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
	// functions selects physical and virtual functions (SR-IOV): All, the default, Physical,
	// Virtual, or Unshared, which are physical functions without enabled virtual ones.
	Functions Functions `json:"functions,omitempty"`
}

// Functions is a selection of physical and virtual functions.
type Functions string

// The values of Functions.
const (
	FunctionsAll      Functions = "All"
	FunctionsPhysical Functions = "Physical"
	FunctionsVirtual  Functions = "Virtual"
	FunctionsUnshared Functions = "Unshared"
)

// Nodes lists a device's own nodes, and those that every container gets.
// Without sysfs, dev and partitions, a device needs no node to be healthy.
type Nodes struct {
	// sysfs lists patterns below the device's sysfs directory; each match is a
	// directory whose uevent names a node.
	Sysfs []string `json:"sysfs,omitempty"`
	// dev lists patterns of nodes with the device's address in their name: /dev/npu-{address}.
	Dev []string `json:"dev,omitempty"`
	// shared lists patterns of nodes that every container gets: /dev/npuctl.
	Shared []string `json:"shared,omitempty"`
	// partitions lists patterns like sysfs. Each match is a partition of the function, and a
	// device of its own: it has this node beside the nodes of the function.
	Partitions []string `json:"partitions,omitempty"`
}

// Container configures what a container gets beside its device nodes.
type Container struct {
	// environment is the name of the variable that lists the container's devices, separated
	// by commas; empty means no variable.
	Environment string `json:"environment,omitempty"`
	// environmentValue is what the variable lists: ID, the default, or Index, the number at the
	// end of the name of a device's first node: 2 of /dev/accel/accel2.
	EnvironmentValue EnvironmentValue `json:"environmentValue,omitempty"`
	Mounts           []Mount          `json:"mounts,omitempty"`
}

// EnvironmentValue is the value of a device in the environment.
type EnvironmentValue string

// The values of EnvironmentValue.
const (
	EnvironmentID    EnvironmentValue = "ID"
	EnvironmentIndex EnvironmentValue = "Index"
)

// Mount is a directory or file of the host, such as a driver's libraries.
type Mount struct {
	HostPath      string `json:"hostPath"`
	ContainerPath string `json:"containerPath"`
	// readOnly is true if left out; false allows the container to write.
	ReadOnly *bool `json:"readOnly,omitempty"`
}

// Health configures the probes, and how many results a change of state takes.
type Health struct {
	// interval is the time between two probes of a device; 500ms if left out.
	Interval metav1.Duration `json:"interval,omitempty"`
	// timeout bounds one probe; a later answer counts as missing; 2s if left out.
	Timeout metav1.Duration `json:"timeout,omitempty"`
	// rescan is the time between two scans of the bus; 5s if left out.
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

// Fail configures when a device becomes unhealthy.
type Fail struct {
	// bad probes of the last `of` make a suspect device unhealthy; 2 of 3 if left out.
	Bad int `json:"bad,omitempty"`
	Of  int `json:"of,omitempty"`
	// dwell is the least time a device stays suspect; none if left out.
	Dwell metav1.Duration `json:"dwell,omitempty"`
}

// Recover configures when an unhealthy device becomes healthy.
type Recover struct {
	// good probes in a row; 5 if left out.
	Good int `json:"good,omitempty"`
	// dwell is the least time a device stays recovering; 10s if left out.
	Dwell *metav1.Duration `json:"dwell,omitempty"`
}

// Attribute is a sysfs file that reports the device's health.
// Exactly one of equals, not, within and changes is set.
type Attribute struct {
	// path is a pattern below the device's sysfs directory; its first match is read.
	Path string `json:"path"`
	// equals lists the healthy values.
	Equals []string `json:"equals,omitempty"`
	// not lists the unhealthy values.
	Not []string `json:"not,omitempty"`
	// within holds the healthy range of a number, both ends included.
	Within *Range `json:"within,omitempty"`
	// changes is true for a heartbeat: a value that stays the same for ten seconds is
	// unhealthy.
	Changes bool `json:"changes,omitempty"`
	// whenAbsent is Unknown (the default) if a missing file means no data, or Ignored if
	// the file is optional.
	WhenAbsent Absence `json:"whenAbsent,omitempty"`
}

// Absence is the meaning of a missing attribute.
type Absence string

// The values of Absence.
const (
	AbsenceUnknown Absence = "Unknown"
	AbsenceIgnored Absence = "Ignored"
)

// Range is a range with integers as bounds, in the attribute's own unit.
type Range struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// Preparation configures the check before a container starts: the device must pass a
// probe and be free within the timeout.
type Preparation struct {
	// timeout bounds the check; 20s if left out. The kubelet gives up after 30s.
	Timeout metav1.Duration `json:"timeout,omitempty"`
	// free reports that no process uses the device; left out, only the probe counts.
	Free *Attribute `json:"free,omitempty"`
}

// Series is a sensor of the device, exported as a metric.
type Series struct {
	// name is the metric's full name, base unit included: sapeon_t1_celsius.
	Name string `json:"name"`
	Help string `json:"help"`
	// path is a pattern below the device's sysfs directory; its first match is read.
	Path string `json:"path"`
	// divisor converts the file's unit to the base unit: 1000 for millidegrees; 1 if left out.
	Divisor int64 `json:"divisor,omitempty"`
}
