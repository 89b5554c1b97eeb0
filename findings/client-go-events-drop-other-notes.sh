#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: a recorder of tools/events does not send an event that differs from an earlier
# one only in its note.
#
# Expected: another message is another event, as with tools/record, whose correlator compares messages.
# Observed: for six minutes after an event, another with the same type, reason, action, object and related
# object becomes a count in its series, whatever its note. The note is never sent: readers see that of the first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

// sink is an API server that accepts all events.
type sink chan string

func (s sink) Create(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	s <- fmt.Sprintf("create: %q", event.Note)
	return event, nil
}

func (s sink) Update(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	s <- "update"
	return event, nil
}

func (s sink) Patch(_ context.Context, event *eventsv1.Event, patch []byte) (*eventsv1.Event, error) {
	s <- fmt.Sprintf("patch of the event with %q: a series of %d", event.Note, event.Series.Count)
	return event, nil
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	requests := make(sink)
	broadcaster := events.NewBroadcaster(requests)
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		panic(err)
	}
	recorder := broadcaster.NewRecorder(scheme.Scheme, "example.com/controller")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}}
	record := func(action, note string) {
		recorder.Eventf(pod, nil, corev1.EventTypeWarning, "Invalid", action, note)
		fmt.Println(<-requests)
	}
	record("Check", "line 3 is wrong")
	record("Check", "line 7 is wrong")
	record("CheckAgain", "line 9 is wrong")
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
create: "line 3 is wrong"
patch of the event with "line 3 is wrong": a series of 2
create: "line 9 is wrong"
OUT
echo 'as described'
