package inventory

import "github.com/go-logr/logr"

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
		k.log.Info("device changed its state",
			"device", p.id, "from", t.From, "to", t.To, "reason", t.Reason.Code, "message", t.Reason.Message)
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
		close(k.inventory.ready)
	}
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
