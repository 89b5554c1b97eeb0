// Package apply makes the API server hold the manifests of one owner, an NpuDeploy or a
// Project, and no others.
//
// The steps of Apply:
//
//  1. NewSet has refused what no template of such an owner may yield: other kinds, other
//     namespaces, other roles.
//  2. New children are recorded in the inventory before the first write.
//  3. Each child is compared: the digest of its manifest and of our entry in the live
//     object's managed fields, against the digest that the last apply left behind. Equal
//     means that there is nothing to do, and nothing is asked.
//  4. What differs is server-side applied: what was never seen, on the condition that
//     there is no such object; what is ours, by force.
//  5. Only if every child is in place, what the inventory has beyond them is deleted.
//
// What always holds:
//   - In a namespace that a Project could not make its own, it has nothing.
//   - A namespace is never pruned.
//   - No pod is made to run as an account that should be ours and is not.
//   - An object that is not ours is never written without its adopt annotation.
//   - Nothing is deleted on doubt: by UID alone, after success alone, and never to get
//     around an immutable field.
//   - A child is judged by fields, not by resource versions: what others write into
//     theirs costs nothing.
//   - Somebody who keeps rewriting a child is answered ever more slowly, by name.
//
// It never imports the other stages, and knows no CUE.
package apply
