package report

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// maxMessage keeps a condition readable, and a node with many bad devices small.
const maxMessage = 1024

// Summary is what a node's condition says of the devices.
type Summary struct {
	Status  corev1.ConditionStatus
	Reason  string
	Message string
}

// Summarise is False if a device is not available to pods, Unknown if all are but one
// is silent, or if there is none, and True otherwise.
func Summarise(resource string, entries []inventory.Entry) Summary {
	if len(entries) == 0 {
		return Summary{corev1.ConditionUnknown, "NoDevices", "no device of " + resource + " is on this node any more"}
	}
	var away, silent []inventory.Entry
	for _, entry := range entries {
		switch {
		case !entry.Health.Offered:
			away = append(away, entry)
		case entry.Health.State == health.Unknown:
			silent = append(silent, entry)
		}
	}
	switch {
	case len(away) > 0:
		return Summary{corev1.ConditionFalse, "DevicesUnavailable", list("are not available", away, len(entries), resource)}
	case len(silent) > 0:
		return Summary{corev1.ConditionUnknown, "DevicesSilent", list("give no data", silent, len(entries), resource)}
	}
	return Summary{corev1.ConditionTrue, "DevicesAvailable", fmt.Sprintf("all %d devices of %s are available", len(entries), resource)}
}

func list(what string, entries []inventory.Entry, of int, resource string) string {
	lines := make([]string, len(entries))
	for i, entry := range entries {
		h := entry.Health
		lines[i] = fmt.Sprintf("%s is %s: %s: %s", entry.Device.ID, h.State, h.Reason.Code, h.Reason.Message)
	}
	message := fmt.Sprintf("%d of %d devices of %s %s: %s", len(entries), of, resource, what, strings.Join(lines, "; "))
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
	}
	return message
}
