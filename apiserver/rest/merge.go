package rest

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// openTopic is a topic of a merged stream.
type openTopic struct {
	Stream

	name string
	ctx  context.Context         //nolint:containedctx // the stream's, which ends alone if access is revoked
	end  context.CancelCauseFunc // with the problem that the client reads
}

// openMerged opens the topics. The error is that of the first topic that cannot be opened.
func openMerged(ctx context.Context, r *http.Request, user *kube.UserClient, topics []Topic) (merged Stream, err error) {
	ids, opened := parseEventIDs(LastEventID(r), topics), make([]*openTopic, 0, len(topics))
	defer func() {
		if err == nil {
			return
		}
		for _, topic := range opened {
			topic.end(nil)
			topic.drain()
		}
	}()
	merged = Stream{ContentType: stream.ContentType}
	for _, topic := range topics {
		ctx, end := context.WithCancelCause(ctx)
		own, err := topic.request(ctx, r, ids[topic.Name])
		if err != nil {
			end(nil)
			return Stream{}, err
		}
		source, err := topic.Open(ctx, own, user)
		if err != nil {
			end(nil)
			return Stream{}, err
		}
		opened = append(opened, &openTopic{source, topic.Name, ctx, end})
		merged.Incomplete = merged.Incomplete || source.Incomplete
		if since := source.StaleSince; !since.IsZero() && (merged.StaleSince.IsZero() || since.Before(merged.StaleSince)) {
			merged.StaleSince = since
		}
	}
	frames := make(chan []byte)
	merged.Frames = frames
	merged.Authorize = func(ctx context.Context) error { return authorizeEach(ctx, opened) }
	go merge(ctx, opened, ids, frames)
	return merged, nil
}

// authorizeEach ends the topics that the user may not read any longer; the others continue.
func authorizeEach(ctx context.Context, topics []*openTopic) error {
	var unreachable error
	for _, topic := range topics {
		err := topic.Authorize(ctx)
		switch {
		case err == nil:
		case kube.Unreachable(err):
			unreachable = err
		default:
			topic.end(err)
		}
	}
	return unreachable
}

// merge sends the frames of all topics until each has ended. ids are those after which the
// topics continue.
func merge(ctx context.Context, topics []*openTopic, ids eventIDs, frames chan<- []byte) {
	defer close(frames)
	var mu sync.Mutex
	var group sync.WaitGroup
	// send holds the lock while it sends: the ids of events are in their order.
	send := func(rewrite func() []byte) {
		mu.Lock()
		defer mu.Unlock()
		select {
		case frames <- rewrite():
		case <-ctx.Done():
		}
	}
	for _, topic := range topics {
		group.Go(func() {
			for frame := range topic.Frames {
				send(func() []byte { return ids.rewrite(topic.name, frame) })
			}
			if ctx.Err() == nil {
				send(func() []byte {
					delete(ids, topic.name)
					return topic.last()
				})
			}
		})
	}
	group.Wait()
}

// last returns the last event of a topic: why it has ended.
func (t *openTopic) last() []byte {
	err := context.Cause(t.ctx)
	if err == nil && t.Err != nil {
		err = t.Err()
	}
	if err == nil {
		err = errors.New("the topic has ended")
	}
	reason, _ := problem.From(err)
	return endFrame(eventOf(t.name, endName), reason)
}
