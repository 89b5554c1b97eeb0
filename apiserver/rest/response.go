package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/stream"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// JSON describes content of one type as JSON.
func JSON(schema any) openapi.Content {
	return openapi.Content{Types: []string{MediaJSON}, Schema: schema}
}

// The schemas that several routes refer to.
const (
	ProblemSchema    = openapi.Ref("Problem")
	ObjectMetaSchema = openapi.Ref("ObjectMeta")
)

// Event describes the events of a stream that have the same data.
type Event struct {
	Doc   string
	Names []string       // "message" is the name of events without one
	Data  map[string]any // a JSON Schema
	HasID bool           // there may be an id to resume after
}

// Events describes a stream by the schema of one of its events.
func Events(event openapi.Ref) openapi.Content {
	return openapi.Content{Types: []string{stream.ContentType}, Schema: event}
}

// ObjectEventSchema returns the schema of an event of a watch of objects.
func ObjectEventSchema(doc string, object openapi.Ref) map[string]any {
	metadata := func(doc string) map[string]any {
		return map[string]any{
			"type": "object", "description": doc, "required": []string{"apiVersion", "kind", "metadata"},
			"properties": map[string]any{
				"apiVersion": map[string]any{"type": "string"}, "kind": map[string]any{"type": "string"}, "metadata": ObjectMetaSchema.Schema(),
			},
		}
	}
	return EventSchema(doc,
		Event{Doc: "An object that is new to the watch, or has changed.", Names: []string{stream.Added, stream.Modified}, Data: object.Schema(), HasID: true},
		Event{
			Doc: "An object that was deleted, that no longer matches the selection, or that the user may no longer see.", Names: []string{stream.Deleted},
			Data: metadata("the last version of the object, or as much of its metadata as the user may see"), HasID: true,
		},
		Event{Doc: "Discard all objects: those that exist follow.", Names: []string{stream.Reset}, Data: map[string]any{"type": "object"}},
		Event{
			Doc: "All events up to here have been sent. The one after a RESET has the annotation k8s.io/initial-events-end.", Names: []string{stream.Bookmark},
			Data: metadata("metadata.resourceVersion, if present, is the id"), HasID: true,
		},
		EndEvent(),
	)
}

// MetadataOnly returns an object of dudaji.com without spec and status, for an event.
func MetadataOnly(kind string, metadata map[string]any) map[string]any {
	return map[string]any{"apiVersion": v1.GroupVersion().String(), "kind": kind, "metadata": metadata}
}

// InitialEventsEnd returns the annotations of the bookmark after the initial events.
func InitialEventsEnd() map[string]any {
	return map[string]any{metav1.InitialEventsAnnotationKey: "true"}
}

// EndEvent describes the last event of a stream that ends early.
func EndEvent() Event {
	return Event{Doc: "The last event of a stream that ends early.", Names: []string{endName}, Data: ProblemSchema.Schema()}
}

// EventSchema returns the schema of one event: an object with the fields of server-sent events.
// Data that is not a string is JSON.
func EventSchema(doc string, events ...Event) map[string]any {
	kinds := make([]any, 0, len(events))
	for _, event := range events {
		properties := map[string]any{"event": openapi.Enum(event.Names...), "data": event.Data}
		if event.HasID {
			properties["id"] = map[string]any{"type": "string", "description": "for Last-Event-ID; absent if the stream cannot be resumed here"}
		}
		kinds = append(kinds, map[string]any{
			"type": "object", "description": event.Doc, "properties": properties, "required": []string{"event", "data"},
		})
	}
	return map[string]any{"description": doc, "oneOf": kinds}
}

// WriteJSON responds with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return WriteEncoded(w, status, content, []byte("\n"))
}

// WriteEncoded responds with JSON in pieces, which it does not change.
func WriteEncoded(w http.ResponseWriter, status int, pieces ...[]byte) error {
	w.Header().Set("Content-Type", MediaJSON)
	w.WriteHeader(status)
	for _, piece := range pieces {
		_, _ = w.Write(piece) // fails only if the client has gone
	}
	return nil
}

// WriteObject responds with an object as Kubernetes has it, without managedFields, which
// are longer than the rest.
func WriteObject(w http.ResponseWriter, r *http.Request, status int, object client.Object) error {
	setETag(w, r, object)
	object.SetManagedFields(nil)
	return WriteJSON(w, status, object)
}

// WriteIfModified responds with an object, or with 304 if the client already has it.
func WriteIfModified(w http.ResponseWriter, r *http.Request, object client.Object) error {
	if NotModified(w, r, ETag(object)) {
		return nil
	}
	return WriteObject(w, r, http.StatusOK, object)
}

// SetStale adds headers that report since when the response is out of date. It does nothing
// if since is zero.
func SetStale(w http.ResponseWriter, since, now time.Time) {
	if since.IsZero() {
		return
	}
	w.Header().Set("Age", strconv.Itoa(int(max(0, now.Sub(since)).Seconds())))
	w.Header().Set("Warning", `110 - "Response is Stale"`)
}

// SetIncomplete adds a header that reports whether parts of the response are missing because
// the user's access could not be reviewed.
func SetIncomplete(w http.ResponseWriter, incomplete bool) {
	if incomplete {
		w.Header().Add("Warning", `199 - "Response is Incomplete"`)
	}
}
