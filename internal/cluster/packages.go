package cluster

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// staleFormat makes go list print the packages that are not compiled yet, with the number of their dependencies.
const staleFormat = "{{if .Stale}}{{.ImportPath}} {{len .Deps}}{{end}}"

// packages tracks the packages that a build compiles, to estimate the remaining time. They are listed when the first one
// begins, so that a build that finds all of them in the cache is not delayed.
type packages struct {
	list    func() string // in staleFormat
	listing sync.WaitGroup

	mu    sync.Mutex
	begun map[string]bool
	// rest maps the packages that have not begun to the number of their dependencies. It is nil until they are listed,
	// which happens at since.
	rest  map[string]int
	since time.Time
	// done and left count dependencies: of the packages that have begun after since, and of the rest. The time to
	// compile a package grows with its dependencies: the first tenth of the packages takes a fiftieth of the time.
	done, left int
}

// begin records that a package is being compiled.
func (p *packages) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun == nil {
		p.begun = map[string]bool{}
		p.listing.Go(func() { p.add(p.list(), time.Now()) })
	}
	p.begun[name] = true
	p.done, p.left = p.done+p.rest[name], p.left-p.rest[name]
	delete(p.rest, name)
}

// add records the packages that are not compiled yet. Some may have begun since they were listed.
func (p *packages) add(list string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := map[string]int{}
	for line := range strings.Lines(list) {
		var name string
		var dependencies int
		if _, err := fmt.Sscan(line, &name, &dependencies); err != nil {
			continue
		}
		if !p.begun[name] {
			rest[name] = dependencies
			p.left += dependencies
		}
	}
	if len(rest) > 0 {
		p.rest, p.since = rest, now
	}
}

// describe returns how many packages have begun, and how long the rest will take.
func (p *packages) describe(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rest == nil {
		return fmt.Sprintf("%d packages", len(p.begun))
	}
	text := fmt.Sprintf("%d of %d packages", len(p.begun), len(p.begun)+len(p.rest))
	elapsed := now.Sub(p.since)
	if elapsed < minElapsed || p.done == 0 {
		return text
	}
	left := time.Duration(float64(elapsed) * float64(p.left) / float64(p.done))
	if left < minLeft {
		return text
	}
	return text + ", about " + roughly(left) + " left"
}

const (
	// minElapsed is how long packages must have been compiled before the rest is estimated.
	minElapsed = 5 * time.Second
	// minLeft is the shortest estimate that is shown.
	minLeft = 2 * time.Second
)

// roughly formats a duration: 9m, 50s, 5s.
func roughly(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d >= 20*time.Second:
		d = d.Round(10 * time.Second)
	}
	return fmt.Sprintf("%.0fs", d.Seconds())
}
