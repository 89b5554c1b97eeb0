package kubelet

import (
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

// backoff delays attempts to register. Registrations that do not last count as failures,
// so that a kubelet which closes each stream at once is not called in a loop.
type backoff struct {
	clock   clock.PassiveClock
	delays  wait.Backoff
	next    time.Time
	since   time.Time   // time of the last registration
	kubelet os.FileInfo // socket at the last attempt
}

// lasting is how long a registration must last to reset the back-off.
const lasting = 30 * time.Second

func newBackoff(clk clock.PassiveClock) *backoff {
	b := &backoff{clock: clk}
	b.reset()
	return b
}

func (b *backoff) reset() {
	b.delays = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 10 * time.Second}
	b.next = time.Time{}
}

// delay returns how long to wait for the next attempt. A new kubelet, and one after a
// lasting registration, is tried at once.
func (b *backoff) delay(kubelet os.FileInfo) time.Duration {
	if kubelet == nil {
		return checkInterval // its socket wakes the loop
	}
	lasted := !b.since.IsZero() && b.clock.Since(b.since) >= lasting
	if b.kubelet == nil || !sameSocket(b.kubelet, kubelet) || lasted {
		b.reset()
	}
	b.kubelet, b.since = kubelet, time.Time{}
	return max(0, b.next.Sub(b.clock.Now()))
}

func (b *backoff) failed() time.Duration {
	step := b.delays.Step()
	b.next = b.clock.Now().Add(step)
	return step
}

func (b *backoff) succeeded() {
	b.since = b.clock.Now()
	b.failed()
}
