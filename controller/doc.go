// Package controller applies the manifests of NpuDeploys and Projects, and reports their
// status.
//
// A reconcile of either kind has the same steps (reconciler.go):
//
//	render        rendering.go    cached until the spec, its Project or the templates change
//	claim host    claimhost.go    the oldest NpuDeploy owns a host; hosts.go: which project may
//	apply         controller/apply
//	observe       observe.go      Deployment, pods, events, nodes, route
//	evaluate      internal/status
//	patch status  objects.go      once, if it changed
//
// rollouts.go assigns templates to NpuDeploys in waves, as internal/rollout decides.
//
// deploy.go and project.go declare what differs between the kinds; another kind is another
// ownerKind. watches.go maps events to requests and queue.go orders them; cache.go configures
// the informers, and crds.go adds those of kinds that are installed later; trial.go tries candidate
// templates; manager.go assembles the program.
//
// Invariants:
//   - A reconcile that finds no change reads from informers only, and sends no request.
//   - Secrets and ConfigMaps are neither cached nor read.
//   - An invalid spec or template changes no running object.
//   - An assignment of templates is recorded before they are applied.
//   - A leader that did not renew its lease writes nothing (lease.go).
package controller
