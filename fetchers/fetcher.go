package fetchers

import (
	"context"
	"fmt"
	"time"
)

// DefaultMaxAge is how old a sample may be: several scrapes at the usual intervals.
const DefaultMaxAge = 2 * time.Minute

// HardwareFetcher reads all devices of one vendor.
type HardwareFetcher interface {
	// Type is the HardwareDeviceStatus.Type of its devices.
	Type() string
	// FetchMetrics returns devices by node and id, and what it left out.
	FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Notes, error)
}

// Notes are what there is to say of an answer that was read.
type Notes struct {
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
func (f *fetcher) FetchMetrics(ctx context.Context, promAPI Querier) (Devices, Notes, error) {
	now := f.now()
	answer, err := promAPI.Query(ctx, f.vendor.Query(2*f.maxAge), now)
	if err != nil {
		return nil, Notes{}, fmt.Errorf("querying the metrics of %s devices: %w", f.vendor.Type, err)
	}
	devices, drops := fold(f.vendor, answer.Samples, now, f.maxAge)
	return devices, Notes{Dropped: drops, Warnings: bounded(answer.Warnings)}, nil
}

func bounded(warnings []string) []string {
	warnings = warnings[:min(len(warnings), maxWarnings)]
	kept := make([]string, 0, len(warnings))
	for _, warning := range warnings {
		kept = append(kept, printable(warning))
	}
	return kept
}
