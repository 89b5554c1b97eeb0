package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/fetchers"
)

type devicePrint func(io.Writer, *fetchers.Snapshot) error

func devicePrinter(output string) (devicePrint, error) {
	switch output {
	case "table":
		return printDevices, nil
	case "json":
		return printDevicesJSON, nil
	case "yaml":
		return printDevicesYAML, nil
	default:
		return nil, fmt.Errorf("-o %s: %w: use table, json or yaml", output, errNoSuchOutput)
	}
}

func printDevices(w io.Writer, snapshot *fetchers.Snapshot) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NODE\tDEVICE\tTYPE\tMODEL\tUTIL\tMEMORY\tTEMP\tPOWER\tHEALTH\tPOD\tAGE")
	for device := range snapshot.All() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			device.Node, device.DeviceID, device.Type, orDash(device.Model), ratio(device.Utilization),
			memory(device), hottest(device.Temperatures), watts(device.Power), health(device.Health),
			holder(device.Pod), age(device, snapshot.Time()))
	}
	return table.Flush()
}

func printDevicesJSON(w io.Writer, snapshot *fetchers.Snapshot) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(listed(snapshot))
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

func hottest(temperatures map[string]float64) string {
	if len(temperatures) == 0 {
		return "-"
	}
	highest := 0.0
	for _, degrees := range temperatures {
		highest = max(highest, degrees)
	}
	return strconv.FormatFloat(highest, 'f', 0, 64) + "C"
}

// watts is the rail that carries most: rails of one device may contain each other.
func watts(power map[string]float64) string {
	if len(power) == 0 {
		return "-"
	}
	most := 0.0
	for _, draw := range power {
		most = max(most, draw)
	}
	return strconv.FormatFloat(most, 'f', 0, 64) + "W"
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
