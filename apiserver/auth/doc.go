// Package auth authenticates requests: it turns their credentials into a User.
//
// A server composes its parts in this order:
//
//  1. RejectIdentityHeaders responds with 400 to a client that sends the identity headers of a
//     proxy or of Kubernetes.
//  2. RejectCrossOrigin responds with 403 to an unsafe request that a browser sends for a page of
//     another origin.
//  3. Middleware runs a Chain of Authenticators (OIDC, TokenReview, Sessions) and stores the
//     User in the request's context, from which UserFrom reads it.
//
// Invariants:
//
//   - A User has a name. Code outside this package cannot create a User that is one of
//     Kubernetes' own identities (system:...) or has control characters in its name: NewUser
//     rejects such values, it does not drop them.
//   - A User who was authenticated by a token of the cluster keeps that token, and every call
//     is made with it. All other users are impersonated. Both happen in User.Transport only.
//   - Tokens, cookies and keys do not occur in errors, in the result of String or in logs.
//
// The package does not authorize: Kubernetes does.
package auth
