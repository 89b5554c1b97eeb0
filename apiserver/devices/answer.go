package devices

import "time"

// View is a Inventory as one person may see it.
type View struct {
	Types            []Type    `json:"types" doc:"each type of accelerator that the templates know, over all nodes"`
	Nodes            []Node    `json:"nodes" doc:"each node with accelerators"`
	Projects         []Project `json:"projects" doc:"each namespace whose pods the person may list, if it is a Project's or holds devices"`
	Unplaced         []Device  `json:"unplaced,omitempty" doc:"devices on nodes that the cluster does not have; for who may list nodes"`
	Metrics          Metrics   `json:"metrics" doc:"where utilisation and the like come from"`
	UnreachableSince time.Time `json:"lost,omitzero" doc:"since when Kubernetes is not heard of: the counts are as old. Absent while all is well"`
}

// Type is a type of accelerator over all nodes. A device counts whichever of its resource
// names it goes by.
type Type struct {
	Type        string `json:"type" doc:"as spec.accelerator.type has it"`
	Total       int64  `json:"total" doc:"that nodes have"`
	Allocatable int64  `json:"allocatable" doc:"that can be given to pods: healthy ones"`
	Allocated   int64  `json:"allocated" doc:"that pods hold"`
	Free        int64  `json:"free" doc:"left on nodes that are ready and take pods"`
	LargestFree int64  `json:"largestFree" doc:"the most that is left on one of them: a replica does not span nodes"`
	Waiting     int64  `json:"waiting" doc:"that pods without a node ask for"`
}

// Node is a node with accelerators.
type Node struct {
	Name        string      `json:"name,omitempty" doc:"for who may list nodes, and of nodes with a pod that they may list"`
	Ready       bool        `json:"ready" doc:"as its kubelet says"`
	Schedulable bool        `json:"schedulable" doc:"false: it is cordoned"`
	Types       []NodeCount `json:"types" doc:"that it has"`
	Holders     []Holder    `json:"holders" doc:"pods that hold devices, of those that the person may list"`
	Devices     []Device    `json:"devices,omitempty" doc:"as their exporter describes them: all for who may list nodes, else those that pods hold which they may list"`
}

// NodeCount is a type of accelerator on one node.
type NodeCount struct {
	Type        string `json:"type" doc:"as spec.accelerator.type has it"`
	Total       int64  `json:"total" doc:"that the node has"`
	Allocatable int64  `json:"allocatable" doc:"that can be given to pods: healthy ones"`
	Allocated   int64  `json:"allocated" doc:"that pods hold"`
	Free        int64  `json:"free" doc:"that is left; 0 unless the node is ready and takes pods"`
}

// Holder is a pod that holds devices.
type Holder struct {
	Pod   Pod    `json:"pod"`
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// Pod is a pod, and the NpuDeploy that it is of.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	NpuDeploy string `json:"npudeploy,omitempty" doc:"absent: the pod is of none, or gone"`
}

// Device is one accelerator as its exporter describes it.
type Device struct {
	ID           string             `json:"id" doc:"unique on its node, within its family"`
	Family       string             `json:"family" doc:"whose exporter it is: GPU, RBLN, Sapeon, Furiosa, Ascend"`
	Type         string             `json:"type,omitempty" doc:"absent where node and vendor do not tell"`
	Vendor       string             `json:"vendor"`
	Model        string             `json:"model,omitempty"`
	UUID         string             `json:"uuid,omitempty"`
	Node         string             `json:"node"`
	Utilization  *float64           `json:"utilization,omitempty" doc:"0 to 1"`
	MemoryUsed   *int64             `json:"memoryUsed,omitempty" doc:"bytes"`
	MemoryTotal  *int64             `json:"memoryTotal,omitempty" doc:"bytes"`
	Temperatures map[string]float64 `json:"temperatures,omitempty" doc:"degrees Celsius, by sensor"`
	Power        map[string]float64 `json:"power,omitempty" doc:"watts, by rail"`
	Health       *Health            `json:"health,omitempty" doc:"absent: no exporter says"`
	Stale        bool               `json:"stale" doc:"true: the vendor's metrics cannot be read, and these are from before"`
	Time         time.Time          `json:"time" doc:"of the newest sample"`
	Pod          *Pod               `json:"pod,omitempty" doc:"that holds the device, if the person may list it"`
}

// Health is a device's own verdict.
type Health struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty" doc:"absent if it is healthy"`
}

// Project is what a namespace holds.
type Project struct {
	Namespace string         `json:"namespace"`
	Types     []ProjectCount `json:"types" doc:"that it holds, waits for or has a quota of"`
}

// ProjectCount is what a namespace holds of one type.
type ProjectCount struct {
	Type    string `json:"type" doc:"as spec.accelerator.type has it"`
	Held    int64  `json:"held" doc:"by its pods"`
	Waiting int64  `json:"waiting" doc:"that its pods without a node ask for"`
	Quota   *int64 `json:"quota,omitempty" doc:"the Project's; absent: it has no bound"`
}

// Metrics tells where devices come from.
type Metrics struct {
	State   MetricsState `json:"state" doc:"None: no Prometheus is configured; Awaited: it was not asked yet; Read"`
	Vendors []Vendor     `json:"vendors" doc:"each that can be read"`
}

// MetricsState says whether there are metrics.
type MetricsState string

// The states.
const (
	MetricsNone    MetricsState = "None"
	MetricsAwaited MetricsState = "Awaited"
	MetricsRead    MetricsState = "Read"
)

// Vendor tells how the last look at one vendor's metrics went.
type Vendor struct {
	Family  string    `json:"family" doc:"as devices have it"`
	Devices int       `json:"devices" doc:"that are known"`
	Fetched time.Time `json:"fetched,omitzero" doc:"when they were read; absent: never"`
	Problem string    `json:"problem,omitempty" doc:"why they are older than the last look; who may not list nodes learns only that they are"`
}
