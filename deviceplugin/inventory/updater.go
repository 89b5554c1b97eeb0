package inventory

import (
	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/outage"
)

// updater records results in the store and publishes changes. Only Run's goroutine calls
// it.
type updater struct {
	inventory *Inventory
	store     *store
	log       logr.Logger

	scannedOnce bool
	isReady     bool
	scans       outage.Log
}

func (u *updater) recordScan(s scan) {
	u.scans.Record(u.log, s.err, "Could not scan for devices, kept the previous ones", "Scanned for devices again")
	if s.err != nil {
		return
	}
	u.scannedOnce = true
	u.store.recordScan(s.devices, u.inventory.options.Clock.Now())
	u.publish()
}

func (u *updater) recordDevices(devices []discovery.Device) {
	u.store.recordDevices(devices)
	u.publish()
}

// probed returns true if the device changed its state.
func (u *updater) probed(p probed) bool {
	t, changed := u.store.recordProbe(p.id, p.observation, u.inventory.options.Clock.Now())
	u.publish()
	if changed {
		u.logTransition(t)
		for _, notify := range u.inventory.listeners {
			notify(t)
		}
	}
	return changed
}

// publish waits until every device of the first scan was probed, because a publication costs as much as all devices.
func (u *updater) publish() {
	starting := !u.isReady
	if starting && (!u.scannedOnce || !u.store.complete()) {
		return
	}
	if u.store.updated {
		u.inventory.publish(u.store.takeEntries())
	}
	if starting {
		u.isReady = true
		u.log.Info("Probed every device", "devices", len(u.store.records))
		close(u.inventory.ready)
	}
}

// logTransition logs new healthy devices, all of them at the start, at level 1.
func (u *updater) logTransition(t Transition) {
	level := 0
	if t.First && t.To == health.Healthy {
		level = 1
	}
	u.log.V(level).Info("Device changed its state",
		"device", t.Device.ID, "from", t.From, "to", t.To, "reason", t.Reason.Code, "message", t.Reason.Message)
}
