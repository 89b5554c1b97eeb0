// Package inventory keeps what is known of a host's devices up to date.
//
// Steps: scan the bus now and then, probe every device often, put the results into
// the book, tell whoever watches if something changed.
//
// Invariants: one goroutine owns the book; scans and probes run beside it, at most
// one per device, so that a stuck driver holds up nothing but its own device; a
// device that leaves the bus stays in the book as unhealthy for a while, so that
// its failure can be read and its capacity does not flap; a scan that failed
// changes nothing.
//
// It knows no kubelet types: whatever serves the devices reads snapshots.
package inventory
