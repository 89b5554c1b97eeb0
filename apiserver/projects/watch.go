package projects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// EventSchema is the schema of an event of the watch.
const EventSchema = openapi.Ref("ProjectEvent")

// Events returns the schema of an event.
func Events() map[string]any {
	return rest.ObjectEventSchema("An event of a watch of Projects.", Schema)
}

// Topic returns the watch of Projects.
func (h *Handlers) Topic() rest.Topic {
	return rest.Topic{Name: live.Projects, Open: h.openWatch}
}

func (h *Handlers) watchRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "watchProjects", Method: http.MethodGet, Path: rest.Prefix + "/watch/projects", Summary: "Watch the Projects that the caller may read",
			Headers: []openapi.Parameter{rest.LastEventIDParameter("id of the last event that was read")},
			Returns: rest.Events(EventSchema), Status: http.StatusOK,
		},
		Stream: true, Handler: h.streams.Handler(h.Topic()),
	}
}

func (h *Handlers) openWatch(ctx context.Context, r *http.Request, user *kube.UserClient) (rest.Stream, error) {
	if !h.cluster.Ready() {
		return rest.Stream{}, rest.NotSynced()
	}
	w := &watcher{
		Handlers: h, user: user, frames: make(chan []byte), revalidated: make(chan struct{}, 1), sent: map[string]string{},
	}
	go w.run(ctx, rest.LastEventID(r))
	return rest.Stream{
		ContentType: stream.ContentType, Frames: w.frames, Authorize: w.revalidate, Err: func() error { return w.err },
		StaleSince: h.cluster.UnreachableSince(live.Projects),
	}, nil
}

// watchInterval is the minimum between two reads of the Projects for one stream.
const watchInterval = time.Second

// watcher sends the differences between what a user saw and sees, which depends on bindings, too. The
// server does not watch these, so an id describes all that the user saw: see idOf.
type watcher struct {
	*Handlers

	user        *kube.UserClient
	frames      chan []byte
	revalidated chan struct{}
	sent        map[string]string // the resourceVersion that was sent, by name
	err         error             // why run ended; read it after frames is closed
}

// revalidate makes run review the user's access again.
func (w *watcher) revalidate(context.Context) error {
	select {
	case w.revalidated <- struct{}{}:
	default: // a review is pending
	}
	return nil
}

// run sends frames until ctx ends, or the user's access cannot be reviewed. It continues after the event
// with the id, if any.
func (w *watcher) run(ctx context.Context, after string) {
	defer close(w.frames)
	for isFirst := true; ; isFirst = false {
		changed := w.cluster.ProjectsChanged() // before the read, so that no change is missed
		frame, err := w.changes(ctx, isFirst, after)
		if err != nil {
			if ctx.Err() == nil {
				w.err = err
			}
			return
		}
		if len(frame) > 0 && !w.send(ctx, frame) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.revalidated:
		case <-changed:
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchInterval):
			}
		}
	}
}

func (w *watcher) send(ctx context.Context, frame []byte) bool {
	select {
	case <-ctx.Done():
		return false
	case w.frames <- frame:
		return true
	}
}

// changes returns the events since the last call, at first those after an id. There are none while some
// Projects cannot be reviewed, except at first. The last event has an id.
func (w *watcher) changes(ctx context.Context, isFirst bool, after string) ([]byte, error) {
	visible, skipped, err := w.Visible(ctx, w.user, "")
	switch {
	case !isFirst && (skipped != nil || kube.Unreachable(err)):
		return nil, nil //nolint:nilerr // they are read again at the next review
	case err != nil:
		return nil, err
	}
	var events []stream.Event
	add := func(name string, object any) {
		data, failure := json.Marshal(object)
		events, err = append(events, stream.Event{Name: name, Data: data}), errors.Join(err, failure)
	}
	isReset := isFirst && !w.resume(visible, after)
	if isReset {
		add(stream.Reset, struct{}{})
	}
	w.compare(visible, add)
	if isReset {
		add(stream.Bookmark, rest.MetadataOnly(v1.KindProject, map[string]any{"annotations": rest.InitialEventsEnd()}))
	}
	if len(events) > 0 {
		events[len(events)-1].ID = idOf(visible).String()
	}
	var frames []byte
	for _, event := range events {
		frames = append(frames, event.Frame()...)
	}
	return frames, err
}

// compare adds an event for each difference to what was sent, and records it as sent.
func (w *watcher) compare(visible []v1.Project, add func(name string, object any)) {
	sees := map[string]bool{}
	for i := range visible {
		project := &visible[i]
		sees[project.Name] = true
		last, isKnown := w.sent[project.Name]
		switch {
		case !isKnown:
			add(stream.Added, project)
		case last != project.ResourceVersion:
			add(stream.Modified, project)
		}
		w.sent[project.Name] = project.ResourceVersion
	}
	for name := range w.sent {
		if !sees[name] {
			delete(w.sent, name)
			add(stream.Deleted, rest.MetadataOnly(v1.KindProject, map[string]any{"name": name}))
		}
	}
}

// eventID describes the Projects that a user saw.
type eventID struct {
	version string // the highest resourceVersion; 1 without Projects
	digest  string // of the names and UIDs
}

func idOf(visible []v1.Project) eventID {
	id, digest := eventID{version: "1"}, sha256.New()
	for i := range visible {
		project := &visible[i]
		_, _ = fmt.Fprintln(digest, project.Name, project.UID) // never fails
		if live.Newer(project.ResourceVersion, id.version) {
			id.version = project.ResourceVersion
		}
	}
	id.digest = hex.EncodeToString(digest.Sum(nil)[:8])
	return id
}

func (id eventID) String() string { return id.version + "-" + id.digest }

// resume records as sent what a client saw that read the event with an id, and reports whether that is
// known: the user sees the same Projects, of that version or a later one. Otherwise some have been added
// or deleted, or the cache is older than what the client saw.
func (w *watcher) resume(visible []v1.Project, after string) bool {
	version, digest, _ := strings.Cut(after, "-")
	now := idOf(visible)
	if digest != now.digest || version != now.version && !live.Newer(now.version, version) {
		return false
	}
	for i := range visible {
		project := &visible[i]
		w.sent[project.Name] = ""
		if !live.Newer(project.ResourceVersion, version) {
			w.sent[project.Name] = project.ResourceVersion
		}
	}
	return true
}
