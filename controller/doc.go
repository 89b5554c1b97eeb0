// Package controller applies the manifests of NpuDeploys and Projects, and reports their
// status.
//
// A reconcile of either kind has the same steps (reconciler.go):
//
//	render        rendering.go    cached until the spec, its Project or the templates change
//	claim host    claimhost.go    the oldest NpuDeploy owns a host, if its project may (hosts.go)
//	apply         controller/apply
//	observe       observe.go      Deployment, pods, events, nodes, route
//	evaluate      internal/status
//	patch status  objects.go      once, if it changed
//
// rollouts.go assigns templates to NpuDeploys in waves, as internal/rollout decides.
//
// deploy.go and project.go contain what differs between the two kinds (ownerKind). The other files:
//
//	watches.go    maps events to requests
//	queue.go      orders the requests
//	cache.go      configures the informers
//	crds.go       adds informers of kinds that are installed later
//	trial.go      tries candidate templates
//	manager.go    assembles the program
//
// Invariants:
//   - A reconcile that finds no change reads from informers only, and sends no request.
//   - Secrets and ConfigMaps are neither cached nor read.
//   - An invalid spec or template changes no running object.
//   - An assignment of templates that replaces servers is recorded before it is applied; any other is recorded
//     with its result (unrecorded.go).
//   - A leader that did not renew its lease writes nothing (lease.go).
package controller
