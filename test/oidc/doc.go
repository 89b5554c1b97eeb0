// Package oidc has people log in to NuFi's API server with the OpenID Connect provider of
// zitadel/oidc, which runs in the test process: a certified implementation, where the
// tests of apiserver/auth have one that answers wrongly when told to.
//
// It is a module of its own: the provider needs a dozen modules, and newer ones of those
// that NuFi's programs are made of.
package oidc
