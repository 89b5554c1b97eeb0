package rollout

import (
	"slices"
	"time"

	"github.com/dudaji/nufi/internal/render"
)

// nextOpening returns when the next window begins: now if one is open, or without windows.
func nextOpening(windows []render.Window, now time.Time) time.Time {
	if len(windows) == 0 {
		return now
	}
	var next time.Time
	for _, window := range windows {
		for day := -1; day <= 7; day++ {
			from, to, ok := occurrence(window, now, day)
			switch {
			case !ok || !now.Before(to):
			case !now.Before(from):
				return now
			case next.IsZero() || from.Before(next):
				next = from
			}
		}
	}
	return next
}

// occurrence returns the window that begins a number of days from now.
func occurrence(window render.Window, now time.Time, days int) (from, to time.Time, ok bool) {
	zone, err := time.LoadLocation(window.Zone)
	if err != nil {
		return from, to, false // not possible: time zones are checked when templates are compiled
	}
	begin, beginErr := time.Parse("15:04", window.From)
	end, endErr := time.Parse("15:04", window.To)
	if beginErr != nil || endErr != nil {
		return from, to, false // not possible: the schema checks the times
	}
	local := now.In(zone)
	at := func(days int, clock time.Time) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, clock.Hour(), clock.Minute(), 0, 0, zone)
	}
	from, to = at(days, begin), at(days, end)
	if !end.After(begin) {
		to = at(days+1, end)
	}
	return from, to, slices.Contains(window.Days, from.Weekday().String()[:3])
}
