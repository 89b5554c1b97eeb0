package cluster

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// staleFormat makes go list print the packages that are not compiled yet, with the number of their dependencies.
const staleFormat = "{{if .Stale}}{{.ImportPath}} {{len .Deps}}{{end}}"

// packages are those that a build compiles. They are listed when the first one begins, so that a build of which all
// are in the cache is not slower.
type packages struct {
	list    func() string // in staleFormat
	listing sync.WaitGroup

	mu    sync.Mutex
	begun map[string]bool
	// rest has the packages that have not begun. It is nil until they are listed, at the time since.
	rest  map[string]int
	since time.Time
	// done and left count the dependencies of packages that have begun since, and of the rest. A compiler's time grows
	// with what it reads of them: the first tenth of the packages takes a fiftieth of the time.
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
	// minElapsed is the time that an estimate is derived from.
	minElapsed = 5 * time.Second
	// minLeft is a rest that is worth a word.
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
