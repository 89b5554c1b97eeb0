// Package rest is the HTTP side of the API server: routes, requests, responses, access
// reviews, streams and the middleware around them. It has no route of its own, and it never
// calls Kubernetes except with the client of the user who sent the request.
//
//	route.go        what a route is
//	router.go       how a request reaches its handler
//	query.go, body.go, conditional.go, page.go   reading requests
//	response.go     writing responses
//	errors.go       errors that handlers return
//	access.go       where the user may do something
//	streams.go      responses without an end
//	topics.go, merge.go   several watches in one stream
//	middleware.go, cors.go, observe.go, metrics.go   request ids, panics, origins, audit log, metrics
package rest
