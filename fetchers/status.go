package fetchers

import (
	"maps"
	"slices"
	"time"
)

// HardwareDeviceStatus is one accelerator as its exporters last reported it.
type HardwareDeviceStatus struct {
	Type     string `json:"type"` // GPU, RBLN, Sapeon ...
	Vendor   string `json:"vendor"`
	Model    string `json:"model,omitempty"`
	Node     string `json:"node"`
	DeviceID string `json:"deviceID"` // unique on its node
	UUID     string `json:"uuid,omitempty"`

	Utilization *float64 `json:"utilization,omitempty"` // 0 to 1
	MemoryUsed  *int64   `json:"memoryUsed,omitempty"`  // bytes
	MemoryTotal *int64   `json:"memoryTotal,omitempty"` // bytes

	Temperatures map[string]float64 `json:"temperatures,omitempty"` // degrees Celsius by sensor
	Power        map[string]float64 `json:"power,omitempty"`        // watts by rail

	Health *Health `json:"health,omitempty"` // nil if no exporter reports it
	Pod    *Pod    `json:"pod,omitempty"`    // nil if the device is free

	Time    time.Time `json:"time"`    // of the newest sample
	Sources []string  `json:"sources"` // the scraped instances, sorted

	// Partitioned is true for a device that is allocated by partition (MIG): it is neither
	// free nor held, and its partitions are devices of their own.
	Partitioned bool `json:"partitioned,omitempty"`

	// Rescaled lists the readings whose unit was inferred from their size: "power in
	// milliwatts".
	Rescaled []string `json:"rescaled,omitempty"`

	// Stale is true if the vendor's last query failed: the values are the previous ones.
	Stale bool `json:"stale,omitempty"`
}

// Health is the health that a device reports.
type Health struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"` // empty if healthy
}

// Pod is the container that holds a device. If several share it, a namespace or container that differs
// between them is empty.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"` // "2 pods" of two that share the device
	Container string `json:"container,omitempty"`
}

// Devices are devices by node and device id.
type Devices map[string]map[string]*HardwareDeviceStatus

// Clone returns a deep copy.
func (s *HardwareDeviceStatus) Clone() *HardwareDeviceStatus {
	clone := *s
	clone.Utilization = clonePointer(s.Utilization)
	clone.MemoryUsed = clonePointer(s.MemoryUsed)
	clone.MemoryTotal = clonePointer(s.MemoryTotal)
	clone.Temperatures = maps.Clone(s.Temperatures)
	clone.Power = maps.Clone(s.Power)
	clone.Health = clonePointer(s.Health)
	clone.Pod = clonePointer(s.Pod)
	clone.Sources = slices.Clone(s.Sources)
	clone.Rescaled = slices.Clone(s.Rescaled)
	return &clone
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	value := *p
	return &value
}
