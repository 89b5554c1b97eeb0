package api

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Events besides ADDED, MODIFIED and DELETED. A reset is followed by all objects and a
// bookmark; bookmarks alone come now and then, with an id to resume after.
const (
	eventReset    = "RESET"
	eventBookmark = "BOOKMARK"
)

// batchBytes is how much of a long beginning is written at once.
const batchBytes = 64 << 10

// watcher makes one person's frames of what happens to NpuDeploys.
//
// Who may watch in some namespaces only is given no ids: which ones these are may change
// while nobody watches, so that what follows an id would not be all there is to tell.
type watcher struct {
	user    *kube.UserClient
	deploys *live.DeployCache
	chosen  selection
	rights  *rights // run's alone
	frames  chan []byte
	fresh   chan *rights // asked for anew
	marked  string       // the version of the last bookmark
	err     error        // why run ended: for who has seen frames closed
}

func newWatcher(deploys *live.DeployCache, chosen selection, may *rights) *watcher {
	return &watcher{
		user: may.user, deploys: deploys, chosen: chosen, rights: may,
		frames: make(chan []byte), fresh: make(chan *rights, 1),
	}
}

// ask has the rights looked at anew. It is for another goroutine than run's.
func (w *watcher) ask(ctx context.Context) error {
	fresh, err := rightsOf(ctx, w.user, toDeploys("watch"), w.chosen.namespace)
	if err != nil {
		return err
	}
	select {
	case w.fresh <- fresh:
	default: // the ones before have not been looked at yet
	}
	return nil
}

// wait returns when run has.
func (w *watcher) wait() {
	for range w.frames {
		continue // nobody reads it any more
	}
}

// why is the problem of a watch that ended before its time.
func (w *watcher) why() error {
	if w.err == nil || errors.Is(w.err, context.Canceled) {
		return nil
	}
	answer, _ := problem.From(w.err)
	return answer
}

// run makes frames until ctx ends, or what the person may do cannot be known.
func (w *watcher) run(ctx context.Context, after string) {
	defer close(w.frames)
	w.err = w.tellOn(ctx, after)
}

func (w *watcher) tellOn(ctx context.Context, after string) error {
	var position live.Position
	if w.rights.whole() {
		position, _ = w.deploys.PositionAfter(after) // otherwise Since does not know it
	}
	for {
		events, now, changed, remembered := w.deploys.EventsSince(position)
		tell := func() error { return w.tellAll(ctx, events) }
		if !remembered {
			tell = func() error { return w.begin(ctx, now) }
		}
		if err := tell(); err != nil {
			return err
		}
		position = now.Position
		select {
		case <-changed:
		case fresh := <-w.fresh:
			if err := w.review(ctx, fresh, now); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin tells all there is. No id comes before the end: who is cut off begins again.
func (w *watcher) begin(ctx context.Context, now live.Snapshot) error {
	deploys, err := w.rights.filter(ctx, w.chosen.from(live.Key{}, now))
	if err != nil {
		return err
	}
	batch := stream.Event{Name: eventReset, Data: []byte("{}")}.Frame()
	for _, deploy := range deploys {
		batch = append(batch, stream.Event{Name: live.Added, Data: deploy.JSON}.Frame()...)
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
	return w.bookmark(ctx, now.Version, map[string]any{"k8s.io/initial-events-end": "true"})
}

func (w *watcher) tellAll(ctx context.Context, events []live.Event) error {
	for _, event := range events {
		if err := w.tell(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// tell sends an event as it is for who has chosen: an object that begins to match is new,
// and one that stops is gone.
func (w *watcher) tell(ctx context.Context, event live.Event) error {
	was := event.Before != nil && w.chosen.matches(event.Before)
	is := event.Type != live.Deleted && w.chosen.matches(event.Deploy)
	if !was && !is {
		return nil
	}
	if allowed, err := w.rights.in(ctx, event.Deploy.Namespace); err != nil || !allowed {
		return err
	}
	name := live.Modified
	switch {
	case !was:
		name = live.Added
	case !is:
		name = live.Deleted
	}
	return w.send(ctx, w.frameOf(name, event))
}

func (w *watcher) frameOf(name string, event live.Event) []byte {
	switch {
	case name != event.Type:
		own := stream.Event{Name: name, Data: event.Deploy.JSON}
		if w.rights.whole() {
			own.ID = event.Deploy.ResourceVersion
		}
		return own.Frame()
	case w.rights.whole():
		return event.Frame()
	}
	return event.FrameWithoutID()
}

// review tells what the person may see no longer, or has come to see. While that cannot
// be known, all stays as it was.
func (w *watcher) review(ctx context.Context, fresh *rights, now live.Snapshot) error {
	deploys := w.chosen.from(live.Key{}, now)
	if err := fresh.learn(ctx, namespacesOf(deploys)); err != nil {
		if kube.Unreachable(err) {
			return nil
		}
		return err
	}
	for _, deploy := range deploys {
		was, err := w.rights.in(ctx, deploy.Namespace)
		if err != nil {
			return err
		}
		is, err := fresh.in(ctx, deploy.Namespace)
		if err != nil {
			return err
		}
		if was != is {
			if err := w.send(ctx, crossing(deploy, is)); err != nil {
				return err
			}
		}
	}
	w.rights = fresh
	if !fresh.whole() || now.Version == w.marked {
		return nil
	}
	return w.bookmark(ctx, now.Version, nil)
}

// crossing is an object that has come into sight, or nothing but the name of one that
// has gone out of it.
func crossing(deploy *live.Deploy, seen bool) []byte {
	if seen {
		return stream.Event{Name: live.Added, Data: deploy.JSON}.Frame()
	}
	return stream.Event{Name: live.Deleted, Data: about(map[string]any{
		"namespace": deploy.Namespace, "name": deploy.Name, "uid": deploy.UID,
	})}.Frame()
}

// bookmark says that everything up to the version has been told.
func (w *watcher) bookmark(ctx context.Context, version string, annotations map[string]any) error {
	w.marked = version
	mark, metadata := stream.Event{Name: eventBookmark}, map[string]any{}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	if w.rights.whole() {
		mark.ID, metadata["resourceVersion"] = version, version
	}
	mark.Data = about(metadata)
	return w.send(ctx, mark.Frame())
}

// about is an NpuDeploy of which there is only this to say.
func about(metadata map[string]any) []byte {
	text, err := json.Marshal(map[string]any{"apiVersion": v1.GroupVersion().String(), "kind": v1.Kind, "metadata": metadata})
	if err != nil {
		return []byte("{}") // it is made of words
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
