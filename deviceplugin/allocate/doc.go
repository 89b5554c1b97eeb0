// Package allocate chooses devices for a container, and derives the container's edits.
//
// Choosing (Prefer) and granting (Granter) are independent: the kubelet may grant other
// devices than the preferred ones.
//
// Invariants: both are pure and deterministic, and take time polynomial in the number of
// devices; a choice has every required device, no duplicates and only available devices.
//
// It imports no kubelet types and no clock.
package allocate
