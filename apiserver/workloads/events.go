package workloads

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxEvents bounds the events of a response, and keptEvents those that are held meanwhile.
const (
	maxEvents  = 500
	keptEvents = 2 * maxEvents
)

type eventList struct {
	Events []event `json:"events" doc:"the newest first, 500 at most"`
}

// event is one or more equal events of one object.
type event struct {
	Kind    string    `json:"kind" doc:"of the object: NpuDeploy, ReplicaSet, Pod and so on"`
	Name    string    `json:"name" doc:"of the object"`
	Type    string    `json:"type" enum:"Normal,Warning" doc:"type of the event"`
	Reason  string    `json:"reason" doc:"in one word"`
	Message string    `json:"message" doc:"as it was recorded: untrusted text"`
	Source  string    `json:"source,omitempty" doc:"the component that recorded it"`
	Count   int32     `json:"count" doc:"number of occurrences"`
	First   time.Time `json:"first" doc:"first occurrence"`
	Last    time.Time `json:"last" doc:"last occurrence"`
}

// identity returns the event without count and times.
func (e event) identity() event {
	e.Count, e.First, e.Last = 0, time.Time{}, time.Time{}
	return e
}

func (h *Handlers) eventsRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "listEvents", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/events", Summary: "List the events of an NpuDeploy and of the objects that it owns",
			Returns: rest.JSON(eventList{}), Status: http.StatusOK,
		},
		Needs: ownedNeeds(rest.Need{Verb: "list", Resource: "events"}), Handler: h.events,
	}
}

// events lists all events of the namespace: Kubernetes reads all of them for a selection, too,
// and one list is cheaper than one for each object.
func (h *Handlers) events(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	owned, err := readOwned(r, user)
	if err != nil {
		return err
	}
	rendered, err := h.rendered(r.Context(), owned.deploy)
	if err != nil {
		return err
	}
	kept := []event{}
	err = listEvents(r, user, func(e *corev1.Event) {
		regarding := e.InvolvedObject
		if !owned.uids[regarding.UID] && !rendered.Owns(regarding.Kind, regarding.Name) {
			return
		}
		if kept = append(kept, newEvent(e)); len(kept) >= keptEvents {
			kept = newest(kept)
		}
	})
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, eventList{newest(kept)})
}

// rendered returns the objects whose events are found by name: the user may not list all of their kinds.
func (h *Handlers) rendered(ctx context.Context, deploy *v1.NpuDeploy) (resources.Deletion, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deploy)
	if err != nil {
		return resources.Deletion{}, err
	}
	objects, err := h.objects(ctx, &unstructured.Unstructured{Object: content})
	return resources.NewDeletion(objects, ""), err
}

// newEvent reads both generations of events, which have count and times in different fields.
func newEvent(e *corev1.Event) event {
	count := max(e.Count, 1)
	if e.Series != nil {
		count = max(count, e.Series.Count)
	}
	return event{
		Kind: e.InvolvedObject.Kind, Name: e.InvolvedObject.Name, Type: e.Type, Reason: e.Reason,
		Message: e.Message, Source: cmp.Or(e.Source.Component, e.ReportingController),
		Count: count, First: firstTime(e).UTC(), Last: status.EventTime(e).UTC(),
	}
}

func firstTime(e *corev1.Event) time.Time {
	switch {
	case !e.FirstTimestamp.IsZero():
		return e.FirstTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// newest merges equal events, and returns the newest maxEvents.
func newest(events []event) []event {
	merged := make([]event, 0, len(events))
	index := map[event]int{}
	for _, e := range events {
		i, ok := index[e.identity()]
		if !ok {
			index[e.identity()] = len(merged)
			merged = append(merged, e)
			continue
		}
		same := &merged[i]
		same.Count += e.Count
		if e.First.Before(same.First) {
			same.First = e.First
		}
		if e.Last.After(same.Last) {
			same.Last = e.Last
		}
	}
	slices.SortStableFunc(merged, func(a, b event) int { return b.Last.Compare(a.Last) })
	return merged[:min(len(merged), maxEvents)]
}
