package report

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// maxQueue is how many events wait for an unreachable API server: four changes of each of
// 64 devices. Further ones are dropped; the condition still has the state.
const maxQueue = 256

// A device that flaps has eventBurst events at once, and then one per eventInterval. The API server stores each for an
// hour.
const (
	eventBurst    = 10
	eventInterval = time.Minute
)

// Events posts one event per transition.
type Events struct {
	api      *API
	node     string
	resource string
	clock    clock.Clock
	queue    chan inventory.Transition
	limits   map[string]*rate.Limiter // by device
}

// NewEvents returns an Events of a node.
func NewEvents(api *API, node, resource string, clk clock.Clock) *Events {
	return &Events{
		api: api, node: node, resource: resource, clock: clk,
		queue: make(chan inventory.Transition, maxQueue), limits: map[string]*rate.Limiter{},
	}
}

// Notify queues a transition and never blocks. A new device that is healthy causes no
// event. Notify must not be called concurrently.
func (e *Events) Notify(t inventory.Transition) {
	if t.First && t.To == health.Healthy || !e.permits(t) {
		return
	}
	select {
	case e.queue <- t:
	default:
	}
}

// permits reports whether the device has not had too many events.
func (e *Events) permits(t inventory.Transition) bool {
	limit := e.limits[t.Device.ID]
	if limit == nil {
		limit = rate.NewLimiter(rate.Every(eventInterval), eventBurst)
		e.limits[t.Device.ID] = limit
	}
	return limit.AllowN(t.At, 1)
}

// Run posts until the context ends. A failed post is retried; a rejected one is not.
func (e *Events) Run(ctx context.Context) error {
	log := logr.FromContextOrDiscard(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-e.queue:
			if err := e.post(ctx, e.event(t)); err != nil && ctx.Err() == nil {
				log.Error(err, "Could not post an event", "device", t.Device.ID)
			}
		}
	}
}

func (e *Events) post(ctx context.Context, event *corev1.Event) error {
	backoff := wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.1, Steps: 6, Cap: time.Minute}
	for {
		err := e.create(ctx, event)
		switch {
		case err == nil, apierrors.IsAlreadyExists(err):
			return nil
		case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsNotFound(err):
			return fmt.Errorf("posting event %s: %w", event.Name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("posting event %s: %w", event.Name, ctx.Err())
		case <-e.clock.After(backoff.Step()):
		}
	}
}

func (e *Events) create(ctx context.Context, event *corev1.Event) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return e.api.createEvent(ctx, event)
}

// event describes a transition. The UID of its node is the node's name, as in the
// kubelet's own events.
func (e *Events) event(t inventory.Transition) *corev1.Event {
	kind := corev1.EventTypeNormal
	if t.To == health.Unhealthy || t.To == health.Suspect || t.To == health.Unknown {
		kind = corev1.EventTypeWarning
	}
	at := metav1.NewTime(t.At)
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: e.name(t), Namespace: metav1.NamespaceDefault},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: e.node, UID: types.UID(e.node), APIVersion: "v1"},
		Type:           kind,
		Reason:         "Device" + string(t.To),
		Message: fmt.Sprintf("device %s of %s went from %s to %s: %s: %s",
			t.Device.ID, e.resource, t.From, t.To, t.Reason.Code, t.Reason.Message),
		Source:         corev1.EventSource{Component: "nufi-deviceplugin", Host: e.node},
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
		ReportingController: "dudaji.com/nufi-deviceplugin", ReportingInstance: e.node,
	}
}

// name is the same for the same transition, so that a repeated post creates one event.
func (e *Events) name(t inventory.Transition) string {
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%s %s %s %d", e.resource, t.Device.ID, t.To, t.At.UnixNano())
	return fmt.Sprintf("%s.%016x", e.node, hash.Sum64())
}
