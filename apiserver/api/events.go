package api

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/internal/status"
)

// maxEvents is how many events are told.
const maxEvents = 500

type eventList struct {
	Events []event `json:"events" doc:"the newest first, 500 at most"`
}

// event is what was said of one object, however often.
type event struct {
	Kind    string    `json:"kind" doc:"of the object: NpuDeploy, ReplicaSet, Pod and so on"`
	Name    string    `json:"name" doc:"of the object"`
	Type    string    `json:"type" doc:"Normal or Warning"`
	Reason  string    `json:"reason" doc:"in one word"`
	Message string    `json:"message" doc:"as it was written: text that nobody vouches for"`
	Source  string    `json:"source,omitempty" doc:"who says so"`
	Count   int32     `json:"count" doc:"how often"`
	First   time.Time `json:"first" doc:"the first time"`
	Last    time.Time `json:"last" doc:"the last time"`
}

// said is the event without how often and when.
func (e event) said() event {
	e.Count, e.First, e.Last = 0, time.Time{}, time.Time{}
	return e
}

func eventsRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: pathOne + "/events", Summary: "List what happened to an NpuDeploy and to what it has become",
			Answers: jsonOf(eventList{}), Status: http.StatusOK,
		},
		needs: append(familyNeeds(), need{verb: "list", resource: "events"}), serve: events,
	}
}

// events reads all of the namespace's: Kubernetes does so too for whoever selects some, and
// one list is less than one for each object.
func events(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	found, err := familyOf(r, user)
	if err != nil {
		return err
	}
	kept := []event{}
	err = eachPage(r.Context(), user, emptyEvents, func(page *corev1.EventList) {
		for i := range page.Items {
			if found.uids[page.Items[i].InvolvedObject.UID] {
				kept = append(kept, readEvent(&page.Items[i]))
			}
		}
		kept = newest(kept)
	}, client.InNamespace(mux.Vars(r)["namespace"]))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, eventList{kept})
}

// readEvent knows both generations of events: they count, and say when, in fields of
// their own.
func readEvent(e *corev1.Event) event {
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

// newest makes one of events that say the same, and keeps maxEvents.
func newest(all []event) []event {
	merged := make([]event, 0, len(all))
	at := map[event]int{}
	for _, e := range all {
		i, known := at[e.said()]
		if !known {
			at[e.said()] = len(merged)
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
