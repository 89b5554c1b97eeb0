package probe

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// attributes evaluates all attributes. A bad one takes precedence over one without data.
func (p *Prober) attributes(ctx context.Context, device discovery.Device) health.Observation {
	result := good()
	for _, a := range p.rules.attributes {
		switch o := p.attribute(ctx, device.Dir, a); o.Result {
		case health.Bad:
			return o
		case health.NoData:
			result = o
		case health.Good, health.Absent:
		}
	}
	return result
}

func (p *Prober) attribute(ctx context.Context, dir string, a description.Attribute) health.Observation {
	files := p.tree.Match(dir, a.Path)
	if len(files) == 0 {
		return noAttribute(a)
	}
	value, err := p.tree.Attribute(ctx, files[0])
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noAttribute(a)
	case err != nil:
		return observe(health.NoData, NoData, "%v", err)
	}
	if a.Changes {
		return p.heartbeats.observe(files[0], a.Path, value)
	}
	return evaluate(a, value)
}

// heartbeats holds the values of attributes that must change, by file.
type heartbeats struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	last  map[string]heartbeat
}

type heartbeat struct {
	value string
	since time.Time
}

// heartbeatTimeout is how long a heartbeat may stay the same.
const heartbeatTimeout = 10 * time.Second

func (h *heartbeats) observe(file, name, value string) health.Observation {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, last := h.clock.Now(), h.last[file]
	if last.since.IsZero() || last.value != value {
		h.last[file] = heartbeat{value, now}
		return good()
	}
	if age := now.Sub(last.since); age >= heartbeatTimeout {
		return observe(health.Bad, AttributeBad, "%s has been %s for %s, expected a change", name, quote(value), age.Round(time.Second))
	}
	return good()
}

func noAttribute(a description.Attribute) health.Observation {
	if a.WhenAbsent == description.AbsenceIgnored {
		return good()
	}
	return observe(health.NoData, NoData, "there is no attribute %s", a.Path)
}

func evaluate(a description.Attribute, value string) health.Observation {
	switch {
	case len(a.Equals) > 0 && !slices.Contains(a.Equals, value):
		return observe(health.Bad, AttributeBad, "%s is %s, expected one of %q", a.Path, quote(value), a.Equals)
	case slices.Contains(a.Not, value):
		return observe(health.Bad, AttributeBad, "%s is %s", a.Path, quote(value))
	case a.Within != nil:
		return evaluateRange(a, value)
	}
	return good()
}

func evaluateRange(a description.Attribute, value string) health.Observation {
	number, err := sysfs.Number(value)
	if err != nil {
		return observe(health.NoData, NoData, "%s is %s, which is not a number", a.Path, quote(value))
	}
	if number < float64(a.Within.Min) || number > float64(a.Within.Max) {
		text := strconv.FormatFloat(number, 'f', -1, 64) // %v would write 1e+06
		return observe(health.Bad, AttributeBad, "%s is %s, expected %d to %d", a.Path, text, a.Within.Min, a.Within.Max)
	}
	return good()
}

// quote escapes and truncates a driver's text for logs, conditions and events.
func quote(value string) string {
	const most = 40
	if len(value) > most {
		return strconv.QuoteToASCII(value[:most]) + "..."
	}
	return strconv.QuoteToASCII(value)
}
