// Package api is NuFi's REST API, below /api/v1.
//
// router.go is the table of all routes: the router and the OpenAPI document are made
// from it. A handler is given the client of the person who asks, and what it reads and
// writes goes that way: Kubernetes' RBAC and admission decide, and there is no other
// client in reach. What the server knows without asking is read after an access review as
// the person. Objects pass through as Kubernetes has them, without loss.
//
// What a request passes, from the outside:
//
//	identify     a request id, and headers that every answer has
//	observe      metrics by route, a log line for each change
//	recovering   a panic is a 500
//	limits.Header, auth.RefuseHeaders, auth.CrossOrigin, limits.InFlight
//	public       what needs no person: the OpenAPI document, the login
//	auth.Middleware, limits.PerPerson
//	router       limits.Bodies and other bounds of the route
//	             parameters that the route does not know are refused, then the handler
//
// Every error is a problem of RFC 9457.
package api
