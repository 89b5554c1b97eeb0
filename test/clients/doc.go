// Package clients tests the OpenAPI document by the clients that are generated from it: one in
// Go by oapi-codegen and one in TypeScript by openapi-typescript. Each takes a deployment
// through its life. The generated code is not in the repository; the tests write it to
// generated/ and testdata/.
//
// It is a module of its own, for the generators. `npm ci` installs those of npm.
package clients
