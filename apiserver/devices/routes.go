package devices

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/stream"
)

// The schemas of the OpenAPI document: View, and an event of the watch.
const (
	Schema      = openapi.Ref("Devices")
	EventSchema = openapi.Ref("DevicesEvent")
)

// Events returns the schema of an event.
func Events() map[string]any {
	return rest.EventSchema("An event of a watch of devices.",
		rest.Event{Doc: "The whole list, at first and after each change.", Names: []string{"message"}, Data: Schema.Schema(), HasID: true},
		rest.EndEvent())
}

// Handlers serve devices. All users see the counts, because forms show how many devices are free.
type Handlers struct {
	cluster *live.Cache
	store   *Store
	streams *rest.Streams
	clock   func() time.Time
}

// NewHandlers returns Handlers.
func NewHandlers(cluster *live.Cache, store *Store, streams *rest.Streams, clock func() time.Time) *Handlers {
	return &Handlers{cluster: cluster, store: store, streams: streams, clock: clock}
}

// Routes returns all routes of devices.
func (h *Handlers) Routes() []rest.Route {
	return []rest.Route{
		{
			Operation: openapi.Operation{
				ID: "listDevices", Method: http.MethodGet, Path: rest.Prefix + "/devices", Summary: "List accelerators, which of them are free, and the pods that have the others",
				Returns: rest.JSON(View{}), Status: http.StatusOK,
			},
			Handler: h.devices,
		},
		{
			Operation: openapi.Operation{
				ID: "watchDevices", Method: http.MethodGet, Path: rest.Prefix + "/watch/devices", Summary: "Watch accelerators: an event with the whole list after each change",
				Headers: []openapi.Parameter{rest.LastEventIDParameter("id of the last event that was read: the list is sent if it has changed since")},
				Returns: rest.Events(EventSchema), Status: http.StatusOK,
			},
			Stream: true, Handler: h.streams.Handler(h.Topic()),
		},
	}
}

func (h *Handlers) devices(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	rights, incomplete, err := h.rights(r.Context(), user)
	if err != nil {
		return err
	}
	view, err := h.view(r.Context(), rights)
	if err != nil {
		return err
	}
	rest.SetStale(w, h.staleSince(), h.clock())
	rest.SetIncomplete(w, incomplete)
	return rest.WriteEncoded(w, http.StatusOK, view, []byte("\n"))
}

// rights reviews what the user may see, and reports whether some of it could not be reviewed
// because Kubernetes is unreachable.
func (h *Handlers) rights(ctx context.Context, user *kube.UserClient) (rights Rights, incomplete bool, err error) {
	if !h.cluster.Ready() {
		return Rights{}, false, rest.NotSynced()
	}
	inventory, err := h.store.Inventory(ctx)
	if err != nil {
		return Rights{}, false, err
	}
	nodes, err := user.Can(ctx, "list", "", live.Nodes, "", "")
	if err != nil {
		return Rights{}, false, err
	}
	pods, err := rest.ReviewPartialAccess(ctx, user, rest.Need{Verb: "list", Resource: live.Pods}, "")
	if err != nil {
		return Rights{}, false, err
	}
	err = pods.Review(ctx, slices.Values(inventory.Namespaces()))
	return Rights{Nodes: nodes, AllNamespaces: pods.Everywhere(), Namespaces: pods.Namespaces()}, pods.Incomplete(), err
}

// view returns JSON that is shared and must not be modified.
func (h *Handlers) view(ctx context.Context, rights Rights) ([]byte, error) {
	inventory, err := h.store.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	return inventory.MarshalView(rights)
}

// Topic is the name of the watch of devices in a merged stream.
const Topic = "devices"

// Topic returns the watch of devices.
func (h *Handlers) Topic() rest.Topic {
	return rest.Topic{Name: Topic, Open: h.openWatch}
}

func (h *Handlers) openWatch(ctx context.Context, r *http.Request, user *kube.UserClient) (rest.Stream, error) {
	rights, incomplete, err := h.rights(ctx, user)
	if err != nil {
		return rest.Stream{}, err
	}
	frames, reviewed := make(chan []byte), make(chan Rights, 1)
	go h.sendFrames(ctx, rest.LastEventID(r), rights, reviewed, frames)
	authorize := func(ctx context.Context) error {
		rights, _, err := h.rights(ctx, user)
		if err != nil {
			return err
		}
		select {
		case <-reviewed: // replace the previous ones
		default:
		}
		reviewed <- rights
		return nil
	}
	return rest.Stream{
		ContentType: stream.ContentType, Frames: frames, Authorize: authorize,
		StaleSince: h.staleSince(), Incomplete: incomplete,
	}, nil
}

func (h *Handlers) staleSince() time.Time {
	return h.cluster.UnreachableSince(live.Nodes, live.Pods, live.Projects)
}

// sendFrames sends each new view until ctx ends, beginning with the current one unless its id is last. A view
// that the client has not received before the next change is dropped.
func (h *Handlers) sendFrames(ctx context.Context, last string, rights Rights, reviewed <-chan Rights, frames chan<- []byte) {
	defer close(frames)
	changes := h.store.Subscribe(ctx)
	var frame []byte
	var out chan<- []byte // nil if there is nothing to send
	for {
		select {
		case <-ctx.Done():
			return
		case out <- frame:
			out = nil
			continue
		case rights = <-reviewed:
		case <-changes:
		}
		view, err := h.view(ctx, rights)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Could not count devices")
			return
		}
		if id := idOf(view); id != last {
			last, frame, out = id, stream.Event{ID: id, Data: view}.Frame(), frames
		}
	}
}

func idOf(view []byte) string {
	sum := sha256.Sum256(view)
	return hex.EncodeToString(sum[:8])
}
