package fetchers

import (
	"maps"
	"slices"
	"time"
)

// HardwareDeviceStatus is one accelerator, as its exporters described it last.
type HardwareDeviceStatus struct {
	Type     string `json:"type"` // the family: GPU, RBLN, Sapeon ...
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

	Health *Health `json:"health,omitempty"` // nil if no exporter says
	Pod    *Pod    `json:"pod,omitempty"`    // nil if nobody holds the device

	Time    time.Time `json:"time"`    // of the newest sample
	Sources []string  `json:"sources"` // the scraped instances, sorted

	// Rescaled names the readings whose unit was told by their size and not by the
	// exporter, and how they were read: "power in milliwatts".
	Rescaled []string `json:"rescaled,omitempty"`

	// Stale is true if the vendor's last query failed: these are the numbers from before.
	Stale bool `json:"stale,omitempty"`
}

// Health is a device's own verdict.
type Health struct {
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"` // empty if healthy
}

// Pod is the container that holds a device.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Container string `json:"container,omitempty"`
}

// Devices are devices by node and device id.
type Devices map[string]map[string]*HardwareDeviceStatus

// Clone shares nothing with the original.
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
