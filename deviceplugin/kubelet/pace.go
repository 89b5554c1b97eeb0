package kubelet

import (
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

// pace spaces attempts to register. Registrations that do not last count like
// failures, so that a kubelet which drops each stream at once is not hammered.
type pace struct {
	clock   clock.PassiveClock
	backoff wait.Backoff
	next    time.Time
	since   time.Time   // of the last registration
	kubelet os.FileInfo // seen at the last attempt
}

// lasting is how long a registration must have stood to be forgiven its end.
const lasting = 30 * time.Second

func newPace(clk clock.PassiveClock) *pace {
	p := &pace{clock: clk}
	p.reset()
	return p
}

func (p *pace) reset() {
	p.backoff = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8, Cap: 10 * time.Second}
	p.next = time.Time{}
}

// due returns how long to wait for the next attempt. A kubelet that was not there at
// the last one, and one after a lasting registration, need not wait.
func (p *pace) due(kubelet os.FileInfo) time.Duration {
	if kubelet == nil {
		return check // its socket's appearance wakes the loop
	}
	lasted := !p.since.IsZero() && p.clock.Since(p.since) >= lasting
	if p.kubelet == nil || !sameSocket(p.kubelet, kubelet) || lasted {
		p.reset()
	}
	p.kubelet, p.since = kubelet, time.Time{}
	return max(0, p.next.Sub(p.clock.Now()))
}

func (p *pace) failed() time.Duration {
	step := p.backoff.Step()
	p.next = p.clock.Now().Add(step)
	return step
}

func (p *pace) succeeded() {
	p.since = p.clock.Now()
	p.failed()
}
