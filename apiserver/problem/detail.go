package problem

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/message"
)

// The bounds of what Write sends: a request of 1 MiB can have 60,000 unknown fields.
const (
	maxErrors = 100
	maxDetail = 4 << 10 // bytes, of the detail and of each field error
)

// truncate bounds the problem.
func (p *Error) truncate() {
	p.Detail = shorten(p.Detail)
	if more := len(p.Errors) - maxErrors; more > 0 {
		p.Errors = p.Errors[:maxErrors:maxErrors]
		p.Detail += fmt.Sprintf("; and %d more errors", more)
	}
	for i, e := range p.Errors {
		if len(e.Field)+len(e.Message) > maxDetail {
			p.Errors = append([]FieldError(nil), p.Errors...)
			p.Errors[i] = FieldError{Field: shorten(e.Field), Message: shorten(e.Message)}
		}
	}
}

func shorten(text string) string { return message.Truncate(text, maxDetail) }

// describe returns the detail of Kubernetes' status: the user's fields, where it has them,
// rather than a text that also names the object, its group and its kind.
func describe(status metav1.Status, errors []FieldError) string {
	texts := make([]string, len(errors))
	for i, e := range errors {
		texts[i] = e.Field + ": " + e.Message
	}
	switch {
	case len(errors) > 0 && status.Reason == metav1.StatusReasonInvalid:
		return strings.Join(texts, "; ")
	case len(errors) > 0 && status.Reason == metav1.StatusReasonConflict:
		return strings.Join(texts, "; ") + "; ?force=true takes these fields over"
	case status.Reason == metav1.StatusReasonConflict && strings.Contains(status.Message, "the object has been modified"):
		return "the object was changed meanwhile: read it again"
	}
	switch status.Code {
	case http.StatusTooManyRequests:
		return "Kubernetes' API server is busy"
	case http.StatusServiceUnavailable:
		return "Kubernetes' API server is unavailable"
	case http.StatusGatewayTimeout:
		return "Kubernetes' API server did not respond in time"
	case http.StatusInternalServerError:
		return describeInternalError(status.Message)
	}
	return describeObject(status)
}

// describeInternalError names the webhook that failed, if one did. The rest of such a message has
// addresses of the cluster.
func describeInternalError(message string) string {
	if webhook := regexp.MustCompile(`failed calling webhook "([^"]+)"`).FindStringSubmatch(message); webhook != nil {
		return "the admission webhook " + webhook[1] + " does not respond"
	}
	return "Kubernetes' API server reports an internal error; the server's log has the request id"
}

// describeObject names an object that exists or not by its kind, as users write it.
func describeObject(status metav1.Status) string {
	details := status.Details
	if details == nil || details.Name == "" {
		if status.Reason == metav1.StatusReasonNotFound {
			return "the cluster does not have this kind"
		}
		return withoutObject(status.Message)
	}
	kind, ok := map[string]string{"npudeploys": "NpuDeploy", "projects": "Project", "namespaces": "namespace", "pods": "pod"}[details.Kind]
	if !ok {
		kind = cmp.Or(details.Kind, "object")
	}
	switch status.Reason {
	case metav1.StatusReasonNotFound:
		return kind + " " + details.Name + " does not exist"
	case metav1.StatusReasonAlreadyExists:
		return kind + " " + details.Name + " already exists"
	default:
		return withoutObject(status.Message)
	}
}

// withoutObject removes what Kubernetes writes before the reason of an error:
// npudeploys.dudaji.com "a" is forbidden: ...
func withoutObject(text string) string {
	return regexp.MustCompile(`^\S+ "[^"]*" is (?:forbidden|invalid): `).ReplaceAllString(text, "")
}
