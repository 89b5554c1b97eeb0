package fetchers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// DefaultMaxAge is how old a sample may be: several scrapes at the usual intervals.
const DefaultMaxAge = 2 * time.Minute

// HardwareFetcher reads all devices of one vendor.
type HardwareFetcher interface {
	// Type is the HardwareDeviceStatus.Type of its devices.
	Type() string
	// FetchMetrics returns devices by node and id, and what it left out.
	FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Diagnostics, error)
}

// Diagnostics are what there is to say of an answer that was read.
type Diagnostics struct {
	Dropped  Drops
	Warnings []string // Prometheus's own, at most maxWarnings
}

const maxWarnings = 8

// NewFetcher makes the fetcher of a vendor. Samples older than maxAge are dropped.
func NewFetcher(vendor Vendor, maxAge time.Duration, now func() time.Time) HardwareFetcher {
	return &fetcher{vendor, maxAge, now}
}

// NewFetchers makes those of all vendors.
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
}

func (f *fetcher) Type() string { return f.vendor.Type }

// FetchMetrics asks for twice maxAge, to tell a device that went quiet from one that
// never was.
func (f *fetcher) FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Diagnostics, error) {
	now := f.now()
	answer, err := promAPI.Query(ctx, f.vendor.Query(2*f.maxAge), now)
	if err != nil {
		return nil, Diagnostics{}, fmt.Errorf("querying the metrics of %s devices: %w", f.vendor.Type, err)
	}
	devices, drops := aggregate(f.vendor, answer.Samples, now, f.maxAge)
	return devices, Diagnostics{Dropped: drops, Warnings: bounded(answer.Warnings)}, nil
}

func bounded(warnings []string) []string {
	warnings = warnings[:min(len(warnings), maxWarnings)]
	kept := make([]string, 0, len(warnings))
	for _, warning := range warnings {
		kept = append(kept, sanitize(warning))
	}
	return kept
}

// DropReason is why a sample was left out.
type DropReason string

// The reasons, as they are shown.
const (
	NotANumber  DropReason = "not a number"
	Implausible DropReason = "implausible value" // negative, or beyond any device
	Outdated    DropReason = "too old"
	FromFuture  DropReason = "from the future"
	NoNode      DropReason = "no node label"
	NoDevice    DropReason = "no device label"
	BadLabel    DropReason = "unfit label value" // too long, or not sanitize
	Unknown     DropReason = "unknown metric"
)

// Drops counts the samples that were left out.
type Drops map[DropReason]int

// Total counts all.
func (d Drops) Total() int {
	total := 0
	for _, count := range d {
		total += count
	}
	return total
}

// String lists them: "3 too old, 1 implausible value".
func (d Drops) String() string {
	parts := make([]string, 0, len(d))
	for _, reason := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, fmt.Sprintf("%d %s", d[reason], reason))
	}
	return strings.Join(parts, ", ")
}
