package inventory

import (
	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/deviceplugin/health"
)

// keeper enters results into the book and publishes what is new. Only Run's goroutine
// calls it.
type keeper struct {
	inventory *Inventory
	book      *book
	log       logr.Logger

	scannedOnce   bool
	isReady       bool
	lastScanError string
}

func (k *keeper) scanned(s scan) {
	k.logScan(s.err)
	if s.err != nil {
		return
	}
	k.scannedOnce = true
	k.book.scanned(s.devices, k.inventory.options.Clock.Now())
	k.publish()
}

func (k *keeper) probed(p probed) {
	t, changed := k.book.observed(p.id, p.observation, k.inventory.options.Clock.Now())
	k.publish()
	if changed {
		k.logTransition(t)
		for _, notify := range k.inventory.tell {
			notify(t)
		}
	}
}

func (k *keeper) publish() {
	if k.book.news {
		k.inventory.publish(k.book.entries())
	}
	if k.scannedOnce && !k.isReady && k.book.complete() {
		k.isReady = true
		k.log.Info("looked at every device", "devices", len(k.book.records))
		close(k.inventory.ready)
	}
}

// logTransition is quiet about devices that are found healthy, all of them at the start.
func (k *keeper) logTransition(t Transition) {
	level := 0
	if t.First && t.To == health.Healthy {
		level = 1
	}
	k.log.V(level).Info("device changed its state",
		"device", t.Device.ID, "from", t.From, "to", t.To, "reason", t.Reason.Code, "message", t.Reason.Message)
}

// logScan tells of an error once, and of its end.
func (k *keeper) logScan(err error) {
	message := ""
	if err != nil {
		message = err.Error()
	}
	switch {
	case message == k.lastScanError:
	case err != nil:
		k.log.Error(err, "could not scan for devices, kept what was known")
	default:
		k.log.Info("scanned for devices again")
	}
	k.lastScanError = message
}
