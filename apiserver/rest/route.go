package rest

import (
	"net/http"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Prefix is the path below which the API is served.
const Prefix = "/api/v1"

// Handler serves a request with the client of the user who sent it. If it returns an error,
// it has written nothing, and the error becomes the response.
type Handler func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error

// Route is one method on one path. It requires an authenticated user.
type Route struct {
	openapi.Operation

	// Change names in the audit log what the route does: create, patch and so on, or what
	// sensitive data it reads. It is empty for a route that is not audited.
	Change string
	// Needs are the permissions that the handler's calls require. A 403 names the missing one.
	Needs []Need
	// BodyBytes and Timeout replace the limits of all routes; 0 keeps them.
	BodyBytes int64
	Timeout   time.Duration
	// BeforeBody is middleware that runs before the body is read, and AfterBody after. Each
	// may be nil.
	BeforeBody, AfterBody func(http.Handler) http.Handler
	// Stream is true for a response without an end, which has no timeout.
	Stream  bool
	Handler Handler
}

// Need is a permission of Kubernetes' RBAC in the namespace of the path.
type Need struct {
	Verb, Group, Resource string
	InProject             bool // in the namespace of the Project that the path names
}

// Needs returns permissions on a resource of dudaji.com.
func Needs(resource string, verbs ...string) []Need {
	needs := make([]Need, len(verbs))
	for i, verb := range verbs {
		needs[i] = Need{Verb: verb, Group: v1.Group, Resource: resource}
	}
	return needs
}
