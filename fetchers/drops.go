package fetchers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
	BadLabel    DropReason = "unfit label value" // too long, or not printable
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
