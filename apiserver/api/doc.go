// Package api assembles NuFi's REST API, below /api/v1, from the routes of other packages:
//
//	rest        routing, requests, responses, access reviews, streams, audit log, metrics
//	resources   create, put, patch and delete of objects
//	npudeploys  list, read, watch, scale and restart of NpuDeploys
//	workloads   pods, events and logs
//	projects    Projects, members, quotas, the user's permissions
//	previews    previews, checks of templates, the catalogue
//	rollouts    TemplateRollouts
//	traffic     an NpuDeploy's requests, from Prometheus
//	dashboard   pages for browsers
//	devices     accelerators
//	namespaces  where the user may write, claims, Secrets
//
// All routes are in one table. The router, the OpenAPI document, the permissions that the
// server's role must allow, the audit log and the tests of every route follow from it. A
// handler is given the client of the user who sent the request, and no other: Kubernetes'
// RBAC and admission decide.
//
// A request passes, from the outside:
//
//	rest.Identify     a request id, and headers that all responses have
//	rest.Observe      metrics by route, a log line for each change
//	rest.Recover      a panic becomes a 500
//	limits.Header, rest.CORS, auth.RejectIdentityHeaders, auth.RejectCrossOrigin, limits.Slots
//	rest.PublicFirst  what needs no user: the OpenAPI document, the login
//	auth.Middleware, limits.PerUser
//	rest.NewRouter    the limits of the route, the body, checks of path and query, the handler
//
// Every error is a problem of RFC 9457.
package api
