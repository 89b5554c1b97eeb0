package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/stream"
)

func (a *API) deviceRoutes() []route {
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: prefix + "/devices", Summary: "Which accelerators there are, which are free, and who holds the others",
				Answers: jsonOf(devices.View{}), Status: http.StatusOK,
			},
			serve: a.devices,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: prefix + "/watch/devices", Summary: "The same, again whenever it changed: server-sent events",
				Answers: openapi.Content{Types: []string{stream.ContentType}, Schema: devices.View{}}, Status: http.StatusOK,
			},
			stream: true, serve: a.watchDevices,
		},
	}
}

func (a *API) devices(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	rights, leftOut, err := a.deviceRights(r.Context(), user)
	if err != nil {
		return err
	}
	answer, err := a.deviceAnswer(r.Context(), rights)
	if err != nil {
		return err
	}
	a.stale(w, a.options.Live.UnreachableSince(live.Nodes, live.Pods, live.Projects))
	incomplete(w, leftOut)
	return writeText(w, http.StatusOK, answer, []byte("\n"))
}

// deviceRights asks what the person may see, and says whether that is not all known while
// Kubernetes is away. Counts are for everybody: whoever fills in a form has to know what
// is free.
func (a *API) deviceRights(ctx context.Context, user *kube.UserClient) (rights devices.Rights, leftOut bool, err error) {
	if !a.options.Live.Ready() {
		return devices.Rights{}, false, unread()
	}
	fleet, err := a.options.Devices.Inventory(ctx)
	if err != nil {
		return devices.Rights{}, false, err
	}
	nodes, err := user.Can(ctx, "list", "", live.Nodes, "", "")
	if err != nil {
		return devices.Rights{}, false, err
	}
	pods, err := knownRightsOf(ctx, user, need{verb: "list", resource: live.Pods}, "")
	if err != nil {
		return devices.Rights{}, false, err
	}
	err = pods.learn(ctx, slices.Values(fleet.Namespaces()))
	return devices.Rights{Nodes: nodes, AllNamespaces: pods.everywhere, Namespaces: pods.known}, pods.leftOut, err
}

// deviceAnswer is shared: nobody changes it.
func (a *API) deviceAnswer(ctx context.Context, rights devices.Rights) ([]byte, error) {
	fleet, err := a.options.Devices.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	return fleet.MarshalView(rights)
}

func (a *API) watchDevices(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	rights, leftOut, err := a.deviceRights(r.Context(), user)
	if err != nil {
		return err
	}
	a.stale(w, a.options.Live.UnreachableSince(live.Nodes, live.Pods, live.Projects))
	incomplete(w, leftOut)
	frames, reviewed := make(chan []byte), make(chan devices.Rights, 1)
	go a.deviceFrames(r.Context(), rights, reviewed, frames)
	return a.follow(w, r, user, following{contentType: stream.ContentType, frames: frames, may: func(ctx context.Context) error {
		rights, _, err := a.deviceRights(ctx, user)
		if err != nil {
			return err
		}
		select {
		case <-reviewed: // nobody took it
		default:
		}
		reviewed <- rights
		return nil
	}})
}

// deviceFrames offers the newest answer, and forgets the one before if nobody took it,
// until the context ends.
func (a *API) deviceFrames(ctx context.Context, rights devices.Rights, reviewed <-chan devices.Rights, frames chan<- []byte) {
	defer close(frames)
	changes := a.options.Devices.Subscribe(ctx)
	var last, frame []byte
	var out chan<- []byte // nil while there is nothing new
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
		answer, err := a.deviceAnswer(ctx, rights)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "could not count devices")
			return
		}
		if !bytes.Equal(answer, last) {
			last, frame, out = answer, stream.Event{Data: answer}.Frame(), frames
		}
	}
}
