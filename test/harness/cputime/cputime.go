// Package cputime measures the CPU time of benchmarks, which other programs on the same cores change little.
package cputime

import (
	"syscall"
	"testing"
	"time"
)

// Self returns the CPU time of this process.
func Self(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
