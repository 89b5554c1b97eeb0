package devices

import "time"

// View is the part of an Inventory that one user may see.
type View struct {
	Types            []Type    `json:"types" doc:"each type of accelerator of the templates, over all nodes"`
	Nodes            []Node    `json:"nodes" doc:"each node with accelerators"`
	Projects         []Project `json:"projects" doc:"each namespace with a Project or devices, of those whose pods the user may list"`
	Unplaced         []Device  `json:"unplaced,omitempty" doc:"devices on nodes that the cluster does not have; only for users who may list nodes"`
	Metrics          Metrics   `json:"metrics" doc:"the source of utilization, temperatures and the like"`
	UnreachableSince time.Time `json:"lost,omitzero" doc:"since when Kubernetes is unreachable: the counts are as old. Absent while it is reachable"`
}

// Type counts a type of accelerator over all nodes, under all of its resource names.
type Type struct {
	Type        string `json:"type" doc:"as in spec.accelerator.type"`
	Total       int64  `json:"total" doc:"on all nodes"`
	Allocatable int64  `json:"allocatable" doc:"healthy devices, which pods can use"`
	Allocated   int64  `json:"allocated" doc:"held by pods"`
	Free        int64  `json:"free" doc:"available on nodes that are ready and schedulable"`
	LargestFree int64  `json:"largestFree" doc:"the most that are available on one node: a replica does not span nodes"`
	Waiting     int64  `json:"waiting" doc:"requested by pods without a node"`
}

// Node is a node with accelerators.
type Node struct {
	Name        string      `json:"name,omitempty" doc:"only for users who may list nodes, or a pod on the node"`
	Ready       bool        `json:"ready" doc:"its condition Ready"`
	Schedulable bool        `json:"schedulable" doc:"false: the node is cordoned"`
	Types       []NodeCount `json:"types" doc:"each type of accelerator on the node"`
	Holders     []Holder    `json:"holders" doc:"pods that hold devices, of those that the user may list"`
	Devices     []Device    `json:"devices,omitempty" doc:"as exporters describe them: all for users who may list nodes, else those held by pods that the user may list"`
}

// NodeCount is a type of accelerator on one node.
type NodeCount struct {
	Type        string `json:"type" doc:"as in spec.accelerator.type"`
	Total       int64  `json:"total" doc:"on the node"`
	Allocatable int64  `json:"allocatable" doc:"healthy devices, which pods can use"`
	Allocated   int64  `json:"allocated" doc:"held by pods"`
	Free        int64  `json:"free" doc:"available; 0 unless the node is ready and schedulable"`
}

// Holder is a pod that holds devices.
type Holder struct {
	Pod   Pod    `json:"pod"`
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// Pod is a pod and its NpuDeploy.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	NpuDeploy string `json:"npudeploy,omitempty" doc:"absent if the pod has none or was deleted"`
}

// Device is one accelerator as its exporter describes it.
type Device struct {
	ID           string             `json:"id" doc:"unique on its node, within its family"`
	Family       string             `json:"family" enum:"GPU,RBLN,Sapeon,Furiosa,Ascend,DevicePlugin" doc:"the exporter"`
	Type         string             `json:"type,omitempty" doc:"absent if it cannot be derived from node and vendor"`
	Vendor       string             `json:"vendor"`
	Model        string             `json:"model,omitempty"`
	UUID         string             `json:"uuid,omitempty"`
	Node         string             `json:"node"`
	Utilization  *float64           `json:"utilization,omitempty" doc:"0 to 1"`
	MemoryUsed   *int64             `json:"memoryUsed,omitempty" doc:"bytes"`
	MemoryTotal  *int64             `json:"memoryTotal,omitempty" doc:"bytes"`
	Temperatures map[string]float64 `json:"temperatures,omitempty" doc:"degrees Celsius, by sensor"`
	Power        map[string]float64 `json:"power,omitempty" doc:"watts, by rail"`
	Health       *Health            `json:"health,omitempty" doc:"absent if no exporter reports it"`
	Partitioned  bool               `json:"partitioned,omitempty" doc:"true: its partitions (MIG) are devices of their own; it is neither free nor held"`
	Stale        bool               `json:"stale" doc:"true: the vendor's metrics cannot be read at the moment; these are the last ones"`
	Time         time.Time          `json:"time" doc:"of the newest sample"`
	Pod          *Pod               `json:"pod,omitempty" doc:"that holds the device, if the user may list it"`
}

// Health is the health that a device reports.
type Health struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty" doc:"absent if the device is healthy"`
}

// Project counts the devices of a namespace.
type Project struct {
	Namespace string         `json:"namespace"`
	Types     []ProjectCount `json:"types" doc:"each type that the namespace holds, waits for or has a quota of"`
}

// ProjectCount counts the devices of one type in a namespace.
type ProjectCount struct {
	Type    string `json:"type" doc:"as in spec.accelerator.type"`
	Held    int64  `json:"held" doc:"by its pods"`
	Waiting int64  `json:"waiting" doc:"requested by its pods without a node"`
	Quota   *int64 `json:"quota,omitempty" doc:"of the Project; absent if there is none"`
}

// Metrics describes the source of devices.
type Metrics struct {
	State   MetricsState `json:"state" enum:"None,Awaited,Read" doc:"None: no Prometheus is configured; Awaited: it has not been read yet; Read"`
	Vendors []Vendor     `json:"vendors" doc:"each vendor whose metrics can be read"`
}

// MetricsState is the state of the metrics.
type MetricsState string

// The states of the metrics.
const (
	MetricsNone    MetricsState = "None"
	MetricsAwaited MetricsState = "Awaited"
	MetricsRead    MetricsState = "Read"
)

// Vendor is the result of the last read of a vendor's metrics.
type Vendor struct {
	Family  string    `json:"family" enum:"GPU,RBLN,Sapeon,Furiosa,Ascend,DevicePlugin" doc:"as in devices"`
	Devices int       `json:"devices" doc:"number of devices"`
	Fetched time.Time `json:"fetched,omitzero" doc:"time of the last successful read; absent if there was none"`
	Problem string    `json:"problem,omitempty" doc:"why the last read failed or may be incomplete; without details for users who may not list nodes"`
}
