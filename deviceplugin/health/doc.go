// Package health decides whether a device may be given to a pod.
//
// It is a state machine without memory of its own: a status, an observation and a
// time give the next status.
//
//	            good                    bad                    no data          node gone
//	Unknown     Healthy                 Suspect                -                Unhealthy, at once
//	Healthy     -                       Suspect                Unknown, late    Unhealthy, at once
//	Suspect     Healthy, clean window   Unhealthy, N of M      Unknown, late    Unhealthy, at once
//	Unhealthy   Recovering              -                      -                -
//	Recovering  Healthy, N in a row     Unhealthy              -                Unhealthy, at once
//
// Invariants: nothing is healthy before it was seen to be; a device is offered to
// pods from the moment it is Healthy until the moment it is Unhealthy, and every
// other state leaves the offer as it was; so missing data alone neither takes a
// device away nor brings one back; enough good probes bring every device back.
//
// It imports no hardware, no clock and no Kubernetes.
package health
