// Package kube holds the two clients of the cluster's API server, as types that are not
// interchangeable.
//
//   - UserClient acts as one user, with that user's permissions: with the user's own token, or
//     by impersonation. Users creates it from an auth.User. Everything that a request causes
//     goes through it, so that Kubernetes' RBAC, admission and audit see the user. Neither it
//     nor its Config contains the server's credentials.
//   - SystemClient acts as the server: it fills caches and reviews tokens. What it has read
//     may be sent to a user only after UserClient.Can.
//
// All users share one transport and its connections.
package kube
