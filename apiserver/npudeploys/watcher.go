package npudeploys

import (
	"context"
	"encoding/json"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// batchBytes is how much of the initial events is sent at once.
const batchBytes = 64 << 10

// watcher turns changes of NpuDeploys into the frames of one user's stream.
//
// A user who may watch only some namespaces gets no ids: which namespaces these are may
// change while the user is not connected, so a resumed stream would miss events.
type watcher struct {
	user      *kube.UserClient
	deploys   *live.DeployCache
	selection Selection
	access    *rest.Access // run's alone
	frames    chan []byte
	reviewed  chan *rest.Access // newer than access
	bookmark  string            // the version of the last bookmark
	err       error             // why run ended; read it after frames is closed
}

func newWatcher(deploys *live.DeployCache, selection Selection, access *rest.Access) *watcher {
	return &watcher{
		user: access.User(), deploys: deploys, selection: selection, access: access,
		frames: make(chan []byte), reviewed: make(chan *rest.Access, 1),
	}
}

// reviewAccess reviews the user's access again, and run compares the results. It is called outside of run's
// goroutine.
func (w *watcher) reviewAccess(ctx context.Context) error {
	return rest.ReviewAgain(ctx, w.user, Need("watch"), w.selection.Namespace, w.reviewed)
}

// run sends frames until ctx ends, or the user's access cannot be reviewed.
func (w *watcher) run(ctx context.Context, after string) {
	defer close(w.frames)
	w.err = w.sendEvents(ctx, after)
}

func (w *watcher) sendEvents(ctx context.Context, after string) error {
	var position live.Position
	if w.access.Unrestricted() {
		position, _ = w.deploys.PositionAfter(after) // the zero position makes Since report a gap
	}
	for {
		events, state, changed, complete := w.deploys.EventsSince(position)
		var err error
		if complete {
			err = w.sendAll(ctx, events)
		} else {
			err = w.sendInitial(ctx, state)
		}
		if err != nil {
			return err
		}
		position = state.Position
		select {
		case <-changed:
		case access := <-w.reviewed:
			if err := w.changeAccess(ctx, access, state); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendInitial sends all objects. No id comes before the end: a client that is disconnected
// meanwhile begins again.
func (w *watcher) sendInitial(ctx context.Context, state live.Snapshot) error {
	deploys, err := filter(ctx, w.access, w.selection.of(state))
	if err != nil {
		return err
	}
	batch := stream.Event{Name: stream.Reset, Data: []byte("{}")}.Frame()
	for _, deploy := range deploys {
		batch = append(batch, stream.Event{Name: stream.Added, Data: deploy.JSON}.Frame()...)
		if len(batch) < batchBytes {
			continue
		}
		if err := w.send(ctx, batch); err != nil {
			return err
		}
		batch = nil
	}
	if err := w.send(ctx, batch); err != nil {
		return err
	}
	return w.sendBookmark(ctx, state.Version, rest.InitialEventsEnd())
}

func (w *watcher) sendAll(ctx context.Context, events []live.Event) error {
	for _, event := range events {
		if err := w.sendEvent(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// sendEvent sends an event relative to the selection: an object that begins to match is added, and
// one that stops matching is deleted.
func (w *watcher) sendEvent(ctx context.Context, event live.Event) error {
	before := event.Before != nil && w.selection.matches(event.Before)
	after := event.Type != stream.Deleted && w.selection.matches(event.Deploy)
	if !before && !after {
		return nil
	}
	if allowed, err := w.access.In(ctx, event.Deploy.Namespace); err != nil || !allowed {
		return err
	}
	eventType := stream.Modified
	switch {
	case !before:
		eventType = stream.Added
	case !after:
		eventType = stream.Deleted
	}
	return w.send(ctx, w.frame(eventType, event))
}

func (w *watcher) frame(eventType string, event live.Event) []byte {
	switch {
	case eventType != event.Type:
		own := stream.Event{Name: eventType, Data: event.Deploy.JSON}
		if w.access.Unrestricted() {
			own.ID = event.Deploy.ResourceVersion
		}
		return own.Frame()
	case w.access.Unrestricted():
		return event.Frame()
	}
	return event.FrameWithoutID()
}

// changeAccess sends an event for each object that the user has gained or lost access to.
// While access cannot be reviewed, it does not change.
func (w *watcher) changeAccess(ctx context.Context, access *rest.Access, state live.Snapshot) error {
	deploys := w.selection.of(state)
	if err := access.Review(ctx, NamespacesOf(deploys)); err != nil {
		if kube.Unreachable(err) {
			return nil
		}
		return err
	}
	for _, deploy := range deploys {
		before, err := w.access.In(ctx, deploy.Namespace)
		if err != nil {
			return err
		}
		after, err := access.In(ctx, deploy.Namespace)
		if err != nil {
			return err
		}
		if before != after {
			if err := w.send(ctx, accessFrame(deploy, after)); err != nil {
				return err
			}
		}
	}
	w.access = access
	if !access.Unrestricted() || state.Version == w.bookmark {
		return nil
	}
	return w.sendBookmark(ctx, state.Version, nil)
}

// accessFrame adds an object that has become visible, or deletes one that has become
// invisible, of which it contains only the name.
func accessFrame(deploy *live.Deploy, visible bool) []byte {
	if visible {
		return stream.Event{Name: stream.Added, Data: deploy.JSON}.Frame()
	}
	return stream.Event{Name: stream.Deleted, Data: metadataOnly(map[string]any{
		"namespace": deploy.Namespace, "name": deploy.Name, "uid": deploy.UID,
	})}.Frame()
}

// sendBookmark reports that all events up to the version have been sent.
func (w *watcher) sendBookmark(ctx context.Context, version string, annotations map[string]any) error {
	w.bookmark = version
	event, metadata := stream.Event{Name: stream.Bookmark}, map[string]any{}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	if w.access.Unrestricted() {
		event.ID, metadata["resourceVersion"] = version, version
	}
	event.Data = metadataOnly(metadata)
	return w.send(ctx, event.Frame())
}

// metadataOnly encodes an NpuDeploy without spec and status.
func metadataOnly(metadata map[string]any) []byte {
	text, err := json.Marshal(rest.MetadataOnly(v1.Kind, metadata))
	if err != nil {
		return []byte("{}") // never: it is made of strings
	}
	return text
}

func (w *watcher) send(ctx context.Context, frame []byte) error {
	if len(frame) == 0 {
		return nil
	}
	select {
	case w.frames <- frame:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
