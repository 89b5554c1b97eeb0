// Package oidc tests logins to NuFi's API server with the OpenID Connect provider of
// zitadel/oidc, a certified implementation, which runs in the test process. The tests of
// apiserver/auth use a provider that can misbehave.
//
// It is a module of its own: the provider requires a dozen modules, some of them in newer
// versions than NuFi's programs use.
package oidc
