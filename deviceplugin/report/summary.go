package report

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// maxMessage bounds the message of a condition, in bytes.
const maxMessage = 1024

// Summary is the content of a node's condition.
type Summary struct {
	Status  corev1.ConditionStatus
	Reason  string
	Message string
}

// Summarize is False if a device is not available to pods, Unknown if one gives no data
// or there is no device, and True otherwise.
func Summarize(resource string, entries []inventory.Entry) Summary {
	if len(entries) == 0 {
		return Summary{corev1.ConditionUnknown, "NoDevices", "no device of " + resource + " is left on this node"}
	}
	var unavailable, noData []inventory.Entry
	for _, entry := range entries {
		switch {
		case !entry.Health.Offered:
			unavailable = append(unavailable, entry)
		case entry.Health.State == health.Unknown:
			noData = append(noData, entry)
		}
	}
	switch {
	case len(unavailable) > 0:
		return Summary{corev1.ConditionFalse, "DevicesUnavailable", list("are not available", unavailable, len(entries), resource)}
	case len(noData) > 0:
		return Summary{corev1.ConditionUnknown, "DevicesSilent", list("give no data", noData, len(entries), resource)}
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
