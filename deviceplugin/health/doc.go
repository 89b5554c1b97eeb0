// Package health evaluates whether a device may be allocated.
//
// It is a pure state machine: a status, an observation and a time yield the next status.
//
//	            good                    bad                    no data          absent
//	Unknown     Healthy                 Suspect                -                Unhealthy, at once
//	Healthy     -                       Suspect                Unknown, late    Unhealthy, at once
//	Suspect     Healthy, clean window   Unhealthy, N of M      Unknown, late    Unhealthy, at once
//	Unhealthy   Recovering              -                      -                -
//	Recovering  Healthy, N in a row     Unhealthy              -                Unhealthy, at once
//
// Invariants: a device is not Healthy before a good probe; it is offered from the
// transition to Healthy until the transition to Unhealthy, and the other states keep the
// offer, so that missing data alone neither withdraws nor offers a device; enough good
// probes make every device Healthy.
//
// It imports no hardware, no clock and no Kubernetes.
package health
