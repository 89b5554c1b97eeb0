// Package allocate chooses devices for a container, and says what the container gets
// with them.
//
// Choosing (Prefer) and granting (Granter) know nothing of each other: the kubelet
// asks for the one and may then take other devices for the other.
//
// Invariants: both are pure; the same request gets the same answer, in a time
// polynomial in the number of devices; a choice has every required device, none
// twice and none that was not available.
//
// It imports no kubelet types and no clock.
package allocate
