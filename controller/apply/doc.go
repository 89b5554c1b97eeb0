// Package apply applies the manifests of one owner, an NpuDeploy or a Project, and deletes the
// owner's other objects.
//
// NewObjectSet checks that templates of such an owner may render the objects (see package manifests).
// Apply then takes these steps:
//
//  1. Each object is compared with its last applied state: the digest of its manifest, and
//     our entry in the object's managed fields (KEP-555). If both are the same, no request
//     is sent. After a restart, the digest is read from the object, and the fields of the
//     manifest are compared with the entry.
//  2. Objects that differ are server-side applied: an object that was never observed on the
//     condition that it does not exist, an owned one by force.
//  3. If every apply succeeded, other objects that the owner controls are deleted.
//
// Invariants:
//   - An object that is not owned is not written without the adopt annotation.
//   - Objects are deleted by UID, only after every apply succeeded, and never to change an
//     immutable field. A namespace is never pruned.
//   - Prerequisites come first: without the namespace of its Project, or the service
//     account of its pods, nothing else is applied.
//   - Drift is a change of fields that we own, not of a resource version: writes of others
//     to their own fields cause no request.
//   - Fields that admission changes are reported, and applied again at a low rate.
//   - Fields that other managers add are reported, and left as they are.
//   - Contention with another field manager backs off, and is reported with its name.
//
// The package imports neither render nor status, and no CUE.
package apply
