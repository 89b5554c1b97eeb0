// Package inventory keeps a host's devices and their health up to date.
//
// Steps: scan the bus and probe every device periodically, record the results in the
// store, publish a snapshot if something changed. Refresh reads devices at once, before
// they are granted.
//
// Invariants: one goroutine owns the store; scans and probes run concurrently, at most
// one per device, so that a stuck driver delays only its own device; a device that
// leaves the bus stays in the store as unhealthy until ForgetAfter, so that its failure
// is visible and its capacity does not flap; a failed scan changes nothing.
//
// It has no kubelet types: servers of the devices read snapshots.
package inventory
