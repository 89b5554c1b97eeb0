package fetchers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Collector fetches all vendors concurrently.
type Collector struct {
	fetchers []HardwareFetcher // by type
	querier  Querier
	timeout  time.Duration
	now      func() time.Time
}

// NewCollector returns a collector with a time-out for each fetcher.
func NewCollector(fetchers []HardwareFetcher, querier Querier, timeout time.Duration, now func() time.Time) *Collector {
	sorted := slices.SortedFunc(slices.Values(fetchers), func(a, b HardwareFetcher) int {
		return strings.Compare(a.Type(), b.Type())
	})
	return &Collector{fetchers: sorted, querier: querier, timeout: timeout, now: now}
}

// Collect refreshes the last snapshot, which may be nil. A vendor that does not respond
// keeps the devices it had, marked stale.
func (c *Collector) Collect(ctx context.Context, last *Snapshot) *Snapshot {
	next := &Snapshot{time: c.now(), vendors: make([]view, len(c.fetchers))}
	var all sync.WaitGroup
	for i, fetcher := range c.fetchers {
		all.Go(func() { next.vendors[i] = c.fetch(ctx, fetcher, last.vendor(fetcher.Type())) })
	}
	all.Wait()
	next.dropDuplicates()
	return next
}

func (s *Snapshot) vendor(kind string) view {
	if s != nil {
		for _, v := range s.vendors {
			if v.state.Type == kind {
				return v
			}
		}
	}
	return view{state: VendorState{Type: kind}}
}

func (c *Collector) fetch(ctx context.Context, fetcher HardwareFetcher, last view) view {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, timeoutError(c.timeout))
	defer cancel()
	at := c.now()
	devices, diagnostics, err := fetcher.FetchMetrics(ctx, c.querier)
	if err != nil {
		return last.stale(err)
	}
	state := VendorState{Type: fetcher.Type(), Fetched: at, Diagnostics: diagnostics}
	for _, nodeDevices := range devices {
		state.Devices += len(nodeDevices)
	}
	return view{state, devices}
}

// stale returns the previous view, marked as stale.
func (v view) stale(err error) view {
	fresh := v.state.Err == nil
	v.state.Err, v.state.Diagnostics = err, Diagnostics{}
	if !fresh {
		return v
	}
	marked := make(Devices, len(v.devices))
	for node, devices := range v.devices {
		devices = maps.Clone(devices)
		for id, status := range devices {
			status = status.Clone()
			status.Stale = true
			devices[id] = status
		}
		marked[node] = devices
	}
	v.devices = marked
	return v
}
