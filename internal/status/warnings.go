package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastWarning is the end of a message: the newest event of the pod since then, if any.
func lastWarning(observed Observed, pod corev1.Pod, since metav1.Time) string {
	event := warning(observed, pod, "")
	if event == nil || EventTime(event).Before(since.Time) {
		return ""
	}
	return "; last warning: " + event.Message
}

// warning returns the newest event of the pod with the reason, unless that is empty, and
// with a message that begins with one of the prefixes, if there are any.
func warning(observed Observed, pod corev1.Pod, reason string, prefixes ...string) *corev1.Event {
	var newest *corev1.Event
	for i := range observed.Workload.Warnings {
		event := &observed.Workload.Warnings[i]
		matches := event.InvolvedObject.Name == pod.Name && (reason == "" || event.Reason == reason)
		if !matches || len(prefixes) > 0 && !slices.ContainsFunc(prefixes, func(prefix string) bool {
			return strings.HasPrefix(event.Message, prefix)
		}) {
			continue
		}
		if newest == nil || newer(event, newest) {
			newest = event
		}
	}
	return newest
}

// newer orders by time and then by text, so that the order of the list is irrelevant.
func newer(a, b *corev1.Event) bool {
	at, bt := EventTime(a), EventTime(b)
	return cmp.Or(at.Compare(bt), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message)) > 0
}

// EventTime is when an event last occurred. The two versions of the API have fields of
// their own for that.
func EventTime(event *corev1.Event) time.Time {
	switch {
	case event.Series != nil:
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	}
	return event.CreationTimestamp.Time
}
