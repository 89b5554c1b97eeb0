package fetchers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultMaxAge is how old a sample may be: as old as in Prometheus's own queries.
const DefaultMaxAge = 5 * time.Minute

// maxSamples bounds the samples of one vendor that are in memory, of several responses together: those of 30,000 GPUs.
const maxSamples = 300_000

// quiet is how much older a sample may be to be reported as too old.
const quiet = 2 * time.Minute

// HardwareFetcher reads all devices of one vendor.
type HardwareFetcher interface {
	// Type is the HardwareDeviceStatus.Type of its devices.
	Type() string
	// FetchMetrics returns devices by node and id, and diagnostics of the response.
	FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Diagnostics, error)
}

// Diagnostics describe a response.
type Diagnostics struct {
	Dropped  Drops
	Warnings []string // Prometheus's own, at most maxWarnings
}

const maxWarnings = 8

// NewFetcher returns the fetcher of a vendor. Samples older than maxAge are dropped.
func NewFetcher(vendor Vendor, maxAge time.Duration, now func() time.Time) HardwareFetcher {
	return &fetcher{vendor: vendor, maxAge: maxAge, now: now}
}

// NewFetchers returns the fetchers of all vendors.
func NewFetchers(maxAge time.Duration, now func() time.Time) []HardwareFetcher {
	vendors := Vendors()
	fetchers := make([]HardwareFetcher, 0, len(vendors))
	for _, vendor := range vendors {
		fetchers = append(fetchers, NewFetcher(vendor, maxAge, now))
	}
	return fetchers
}

type fetcher struct {
	vendor Vendor
	maxAge time.Duration
	now    func() time.Time
	byName atomic.Pointer[time.Time] // since when metrics are queried one after the other
}

// byNameFor is how long a rejected query of all metrics at once is not repeated: its server may since have another version,
// or fewer series.
const byNameFor = 10 * time.Minute

func (f *fetcher) Type() string { return f.vendor.Type }

// FetchMetrics queries more than maxAge, so that outdated samples are reported. Where a query
// of all metrics at once is rejected or its response too large, it queries one after the other.
func (f *fetcher) FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Diagnostics, error) {
	now := f.now()
	result, err := f.query(ctx, promAPI, now)
	if err != nil {
		return nil, Diagnostics{}, fmt.Errorf("querying the metrics of %s devices: %w", f.vendor.Type, err)
	}
	devices, dropped := aggregate(f.vendor, result.Samples, now, f.maxAge)
	return devices, Diagnostics{Dropped: dropped, Warnings: bounded(result.Warnings)}, nil
}

func (f *fetcher) query(ctx context.Context, promAPI Querier, now time.Time) (QueryResult, error) {
	window := f.maxAge + quiet
	if since := f.byName.Load(); since == nil || now.Sub(*since) >= byNameFor {
		result, err := promAPI.Query(ctx, f.vendor.Query(window), now)
		if !errors.Is(err, ErrRejected) && !errors.Is(err, ErrTooLarge) {
			return result, err
		}
		f.byName.Store(&now)
	}
	var all QueryResult
	for _, expression := range f.vendor.Queries(window) {
		result, err := promAPI.Query(ctx, expression, now)
		if errors.Is(err, ErrTooLarge) {
			err = fmt.Errorf("%w, of %s alone: scrape at a longer interval, or keep fewer labels", err, expression)
		}
		if err != nil {
			return QueryResult{}, err
		}
		if all.Samples = append(all.Samples, result.Samples...); len(all.Samples) > maxSamples {
			return QueryResult{}, fmt.Errorf("%w: more than %d series", ErrTooLarge, maxSamples)
		}
		for _, warning := range result.Warnings {
			if !slices.Contains(all.Warnings, warning) {
				all.Warnings = append(all.Warnings, warning)
			}
		}
	}
	return all, nil
}

func bounded(warnings []string) []string {
	warnings = warnings[:min(len(warnings), maxWarnings)]
	kept := make([]string, 0, len(warnings))
	for _, warning := range warnings {
		kept = append(kept, sanitize(warning))
	}
	return kept
}

// DropReason is why a sample was dropped.
type DropReason string

// The reasons, as they are printed.
const (
	NotANumber  DropReason = "not a number"
	Implausible DropReason = "implausible value" // negative, or beyond any device
	Outdated    DropReason = "too old"
	FromFuture  DropReason = "from the future"
	NoNode      DropReason = "no node label"
	NoDevice    DropReason = "no device label"
	BadLabel    DropReason = "invalid label value" // too long, or not printable
	OtherDevice DropReason = "of another device"   // of another job
	Unknown     DropReason = "unknown metric"
)

// Drops counts the dropped samples.
type Drops map[DropReason]int

// Total returns the number of dropped samples.
func (d Drops) Total() int {
	total := 0
	for _, count := range d {
		total += count
	}
	return total
}

// String lists the counts: "3 too old, 1 implausible value".
func (d Drops) String() string {
	parts := make([]string, 0, len(d))
	for _, reason := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, fmt.Sprintf("%d %s", d[reason], reason))
	}
	return strings.Join(parts, ", ")
}
