package rest

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// Topic is a stream of events that has routes of its own, and can be one of several in a
// merged stream.
type Topic struct {
	Name       string
	Parameters []openapi.Parameter // of the query
	Namespaced bool                // takes a namespace, which is empty for all
	// Open reads the query, the namespace of the path and Last-Event-ID, reviews the user's
	// access and opens the stream, which ends with ctx.
	Open func(ctx context.Context, r *http.Request, user *kube.UserClient) (Stream, error)
}

// lastEventID is the header that resumes a stream.
const lastEventID = "Last-Event-ID"

// LastEventID returns the id of the last event that the client read, or "".
func LastEventID(r *http.Request) string { return r.Header.Get(lastEventID) }

// LastEventIDParameter describes the header that LastEventID reads.
func LastEventIDParameter(doc string) openapi.Parameter {
	return openapi.Parameter{Name: lastEventID, Doc: doc}
}

// Handler returns a handler that opens and serves a topic. It returns when all that sends to the
// stream has ended.
func (s *Streams) Handler(topic Topic) Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		ctx, stop := context.WithCancel(r.Context())
		source, err := topic.Open(ctx, r, user)
		if err != nil {
			stop()
			return err
		}
		defer func() {
			stop()
			source.drain()
		}()
		SetStale(w, source.StaleSince, s.options.Clock())
		SetIncomplete(w, source.Incomplete)
		return s.Serve(w, r, user, source)
	}
}

// drain returns when the stream has ended, after its context.
func (s Stream) drain() {
	for range s.Frames {
		continue
	}
}

const (
	topicParameter     = "topic"
	namespaceParameter = "namespace"
)

// MergedRoute returns the route of the stream that merges topics. HTTP/1 browsers open six
// connections to a host: a page should need one stream.
func (s *Streams) MergedRoute(path string, event openapi.Ref, topics ...Topic) Route {
	names := make([]string, len(topics))
	var parameters []openapi.Parameter
	for i, topic := range topics {
		names[i] = topic.Name
		if topic.Namespaced {
			parameters = append(parameters, openapi.Parameter{Name: topic.Name + "." + namespaceParameter, Doc: "namespace of the topic; absent: all"})
		}
		for _, parameter := range topic.Parameters {
			parameter.Name = topic.Name + "." + parameter.Name
			parameters = append(parameters, parameter)
		}
	}
	topicNames := openapi.Parameter{
		Name: topicParameter, Doc: "what to watch; it can be repeated", Required: true,
		Schema: map[string]any{"type": "array", "items": openapi.Enum(names...)},
	}
	return Route{
		Operation: openapi.Operation{
			ID: "watch", Method: http.MethodGet, Path: path, Summary: "Watch several topics in one stream",
			Query:   append([]openapi.Parameter{topicNames}, parameters...),
			Headers: []openapi.Parameter{LastEventIDParameter("id of the last event that was read: each topic continues after its own")},
			Returns: Events(event), Status: http.StatusOK, Errors: []int{http.StatusNotFound},
		},
		Stream: true,
		Handler: s.Handler(Topic{Open: func(ctx context.Context, r *http.Request, user *kube.UserClient) (Stream, error) {
			selected, err := selectTopics(r, topics)
			if err != nil {
				return Stream{}, err
			}
			return openMerged(ctx, r, user, selected)
		}}),
	}
}

// selectTopics returns the topics that the query names, in their own order.
func selectTopics(r *http.Request, topics []Topic) ([]Topic, error) {
	query := r.URL.Query()
	names := query[topicParameter]
	selected := slices.DeleteFunc(slices.Clone(topics), func(topic Topic) bool { return !slices.Contains(names, topic.Name) })
	if len(selected) == 0 || len(selected) != len(names) {
		return nil, problem.New(http.StatusBadRequest, "topic must name one or more topics, each once")
	}
	for name := range query {
		if topic, _, ok := strings.Cut(name, "."); ok && !slices.Contains(names, topic) {
			return nil, problem.New(http.StatusBadRequest, name+" is for a topic that the query does not name")
		}
	}
	return selected, nil
}

// request returns the request of a topic's own route.
func (t Topic) request(ctx context.Context, r *http.Request, id string) (*http.Request, error) {
	own, query := r.Clone(ctx), url.Values{}
	for name, values := range r.URL.Query() {
		if name, ok := strings.CutPrefix(name, t.Name+"."); ok {
			query[name] = values
		}
	}
	vars := map[string]string{}
	if namespace := query.Get(namespaceParameter); t.Namespaced && namespace != "" {
		vars[namespaceParameter] = namespace
		query.Del(namespaceParameter)
	}
	own.URL.RawQuery = query.Encode()
	own.Header.Del(lastEventID)
	if id != "" {
		own.Header.Set(lastEventID, id)
	}
	own = mux.SetURLVars(own, vars)
	return own, checkPath(own)
}

// eventIDs are the ids of the last event of each topic that has ids. Their text is the id of a
// merged stream's event: "npudeploys=12&other=7".
type eventIDs map[string]string

// parseEventIDs returns the ids of the topics. An unknown text has none: the topics start anew.
func parseEventIDs(text string, topics []Topic) eventIDs {
	ids := eventIDs{}
	query, err := url.ParseQuery(text)
	for _, topic := range topics {
		if id := query.Get(topic.Name); err == nil && id != "" {
			ids[topic.Name] = id
		}
	}
	return ids
}

func (ids eventIDs) String() string {
	query := url.Values{}
	for topic, id := range ids {
		query.Set(topic, id)
	}
	return query.Encode()
}

// MergedEventSchema returns the schema of a merged stream's events, from those of its topics by
// name.
func MergedEventSchema(topics map[string]map[string]any) map[string]any {
	var kinds []any
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		own, _ := topics[name]["oneOf"].([]any)
		for _, kind := range own {
			kind, _ := kind.(map[string]any)
			kinds = append(kinds, ofTopic(name, kind))
		}
	}
	end, _ := EventSchema("", EndEvent())["oneOf"].([]any)
	return map[string]any{"description": "An event of a topic, whose name comes before its own; end without a topic ends the stream.", "oneOf": append(kinds, end...)}
}

func ofTopic(topic string, kind map[string]any) map[string]any {
	properties, _ := kind["properties"].(map[string]any)
	event, _ := properties["event"].(map[string]any)
	names, _ := event["enum"].([]string)
	merged := map[string]any{"data": properties["data"]}
	if id, ok := properties["id"]; ok {
		merged["id"] = id
	}
	prefixed := make([]string, len(names))
	for i, name := range names {
		prefixed[i] = eventOf(topic, name)
	}
	merged["event"] = openapi.Enum(prefixed...)
	return map[string]any{"type": "object", "description": kind["description"], "properties": merged, "required": kind["required"]}
}

// eventOf returns the name of a topic's event in a merged stream.
func eventOf(topic, name string) string { return topic + "." + name }

// defaultEvent is the name of events without one.
const defaultEvent = "message"

// rewrite returns a frame of a topic, which has one or more events, as a frame of the merged
// stream. It updates the ids.
func (ids eventIDs) rewrite(topic string, frame []byte) []byte {
	var merged []byte
	for _, event := range stream.Parse(frame) {
		name := event.Name
		if name == "" {
			name = defaultEvent
		}
		if name == stream.Reset {
			delete(ids, topic) // until the bookmark after the initial events
		}
		if event.ID != "" {
			ids[topic] = event.ID
			event.ID = ids.String()
		}
		event.Name = eventOf(topic, name)
		merged = append(merged, event.Frame()...)
	}
	return merged
}
