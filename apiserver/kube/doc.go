// Package kube has the two ways to the cluster's API server, as two types that cannot
// stand for each other.
//
//   - A UserClient acts for one person, with that person's power: over their own token, or
//     impersonating them. Users makes it, from an auth.Person, and refuses nobody. Whatever
//     a request causes goes this way, and Kubernetes' RBAC, admission and audit see the
//     person. There is no credential of the server in it, nor in the Config that it hands
//     out.
//   - The SystemClient acts for the server itself: it fills caches and reviews tokens. What
//     it has read is shown to nobody but after UserClient.Can.
//
// All persons share one transport: a thousand of them have the connections of one.
package kube
