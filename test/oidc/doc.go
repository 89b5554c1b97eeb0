// Package oidc tests logins to NuFi's API server with the OpenID Connect provider of
// zitadel/oidc, a certified implementation, which runs in the test process. The tests of
// apiserver/auth use a provider that can misbehave.
//
// It is a module of its own: the provider needs a dozen modules, and newer ones of those
// that NuFi's programs are made of.
package oidc
