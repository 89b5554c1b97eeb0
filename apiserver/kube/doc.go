// Package kube has the two clients of the cluster's API server, as types that cannot be mistaken for
// each other.
//
//   - UserClient acts as one user, with that user's permissions: with the user's own token, or
//     by impersonation. UserClients creates it from an auth.User. All calls of a request
//     go through it, so that Kubernetes' RBAC, admission and audit see the user. Neither it
//     nor its Config contains the server's credentials.
//   - SystemClient acts as the server: it fills caches and reviews tokens. Data that it read
//     may be sent to a user only after UserClient.Can.
//
// All users share one transport and its connections.
package kube
