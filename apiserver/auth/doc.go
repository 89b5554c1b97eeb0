// Package auth answers who asks: it turns a request's credentials into a Person.
//
// The steps of a request, in the order that a server composes them:
//
//  1. RejectIdentityHeaders answers 400 to a client that sends a proxy's or Kubernetes' own
//     identity headers.
//  2. CrossOrigin answers 403 to an unsafe request that a foreign page makes a browser send.
//  3. Middleware asks the Authenticators of a Chain in turn (OIDC, TokenReview, Sessions)
//     and puts the Person into the request's context, where From finds it.
//
// What always holds:
//
//   - A Person has a name. Outside this package there is no way to make one that is a
//     Kubernetes identity (system:...), has control characters in its name, or is half
//     filled in: NewPerson refuses, it drops nothing.
//   - A Person who came with a token of the cluster keeps that token, and every call for
//     them is made with it. Everyone else is impersonated. Both happen in Person.Transport
//     and nowhere else.
//   - No token, cookie or key is part of an error, of a String or of a log line.
//
// The package decides nothing about what a person may do: Kubernetes does.
package auth
