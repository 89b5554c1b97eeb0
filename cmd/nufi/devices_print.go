package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/fetchers"
)

type devicePrint func(io.Writer, *fetchers.Snapshot) error

func devicePrinter(name string) (devicePrint, error) {
	type outputs = output[*fetchers.Snapshot]
	return choose(name, outputs{"table", printDevices}, outputs{"json", printDevicesJSON}, outputs{"yaml", printDevicesYAML})
}

func printDevices(w io.Writer, snapshot *fetchers.Snapshot) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NODE\tDEVICE\tTYPE\tMODEL\tUTIL\tMEMORY\tTEMP\tPOWER\tHEALTH\tPOD\tAGE")
	for device := range snapshot.All() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			device.Node, device.DeviceID, device.Type, orDash(device.Model), ratio(device.Utilization),
			memory(device), largest(device.Temperatures, "C"), largest(device.Power, "W"), health(device.Health),
			holder(device.Pod), age(device, snapshot.Time()))
	}
	return table.Flush()
}

func printDevicesJSON(w io.Writer, snapshot *fetchers.Snapshot) error {
	return writeJSON(w, listed(snapshot))
}

func printDevicesYAML(w io.Writer, snapshot *fetchers.Snapshot) error {
	text, err := yaml.Marshal(listed(snapshot))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "---\n%s", text)
	return err
}

// listed is never null.
func listed(snapshot *fetchers.Snapshot) []*fetchers.HardwareDeviceStatus {
	return slices.AppendSeq([]*fetchers.HardwareDeviceStatus{}, snapshot.All())
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func ratio(value *float64) string {
	if value == nil {
		return "-"
	}
	return strconv.FormatFloat(*value*100, 'f', 0, 64) + "%"
}

func memory(device *fetchers.HardwareDeviceStatus) string {
	if device.MemoryUsed == nil && device.MemoryTotal == nil {
		return "-"
	}
	return gibibytes(device.MemoryUsed) + "/" + gibibytes(device.MemoryTotal) + "Gi"
}

func gibibytes(bytes *int64) string {
	if bytes == nil {
		return "-"
	}
	return strconv.FormatFloat(float64(*bytes)/(1<<30), 'f', 1, 64)
}

// largest is the hottest place, or the rail that carries most: rails of one device may
// contain each other.
func largest(readings map[string]float64, unit string) string {
	if len(readings) == 0 {
		return "-"
	}
	return strconv.FormatFloat(slices.Max(slices.Collect(maps.Values(readings))), 'f', 0, 64) + unit
}

func health(health *fetchers.Health) string {
	switch {
	case health == nil:
		return "-"
	case health.Healthy:
		return "Healthy"
	default:
		return "Unhealthy (" + health.Reason + ")"
	}
}

func holder(pod *fetchers.Pod) string {
	if pod == nil {
		return "-"
	}
	return pod.Namespace + "/" + pod.Name
}

func age(device *fetchers.HardwareDeviceStatus, now time.Time) string {
	text := max(now.Sub(device.Time), 0).Round(time.Second).String()
	if device.Stale {
		text += " (stale)"
	}
	return text
}
