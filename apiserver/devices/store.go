package devices

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// notifyInterval is the minimum between two notifications of a subscriber.
	notifyInterval = time.Second
	// connectivityInterval is how often the connectivity of the caches is checked.
	connectivityInterval = 5 * time.Second
)

// Store holds the current Inventory. It is computed on demand, after a change.
type Store struct {
	cache            *live.Cache
	unreachableSince func() time.Time
	catalogue        func() *render.Catalogue
	poller           *fetchers.Poller // nil without Prometheus

	changed chan struct{} // of capacity 1

	mu          sync.Mutex
	stale       bool
	inventory   *Inventory
	subscribers map[chan struct{}]bool
}

// NewStore returns a Store, which is not notified of changes before Run.
func NewStore(cache *live.Cache, catalogue func() *render.Catalogue, poller *fetchers.Poller) *Store {
	return &Store{
		cache: cache, catalogue: catalogue, poller: poller,
		unreachableSince: func() time.Time { return cache.UnreachableSince(live.Nodes, live.Pods, live.Projects) },
		changed:          make(chan struct{}, 1), stale: true, subscribers: map[chan struct{}]bool{},
	}
}

// Inventory returns the current Inventory.
func (s *Store) Inventory(ctx context.Context) (*Inventory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sources := Sources{Catalogue: s.catalogue(), UnreachableSince: s.unreachableSince()}
	if s.poller != nil {
		sources.Metrics = s.poller.Snapshot()
	}
	if current := s.inventory; current != nil && !s.stale && current.Catalogue == sources.Catalogue &&
		current.Metrics == sources.Metrics && current.UnreachableSince.Equal(sources.UnreachableSince) {
		return current, nil
	}
	s.stale = false // before the read, so that later changes mark it again
	if err := s.read(ctx, &sources); err != nil {
		s.stale = true
		return nil, err
	}
	s.inventory = newInventory(sources)
	return s.inventory, nil
}

func (s *Store) read(ctx context.Context, sources *Sources) error {
	var nodes corev1.NodeList
	var pods corev1.PodList
	var projects v1.ProjectList
	for _, source := range []struct {
		resource string
		list     client.ObjectList
	}{{live.Nodes, &nodes}, {live.Pods, &pods}, {live.Projects, &projects}} {
		if err := s.cache.Reader().List(ctx, source.list); err != nil {
			return fmt.Errorf("listing %s: %w", source.resource, err)
		}
	}
	sources.Nodes, sources.Pods, sources.Projects = nodes.Items, pods.Items, projects.Items
	return nil
}

// Subscribe returns a channel that receives at once and after changes, at most once a second,
// until the context ends. Changes are coalesced for slow receivers.
func (s *Store) Subscribe(ctx context.Context) <-chan struct{} {
	changes := make(chan struct{}, 1)
	changes <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[changes] = true
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribers, changes)
	})
	return changes
}

// Run notifies subscribers of changes until the context ends.
func (s *Store) Run(ctx context.Context) error {
	if err := s.cache.Changes(ctx, s.markChanged, &corev1.Node{}, &corev1.Pod{}, &v1.Project{}); err != nil {
		return err
	}
	var metrics <-chan *fetchers.Snapshot // nil without Prometheus
	if s.poller != nil {
		metrics = s.poller.Subscribe(ctx)
	}
	s.notify(ctx, metrics)
	return nil
}

// notify runs until the context ends.
func (s *Store) notify(ctx context.Context, metrics <-chan *fetchers.Snapshot) {
	ticker := time.NewTicker(connectivityInterval)
	defer ticker.Stop()
	for last := s.unreachableSince(); ; {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
			s.notifySubscribers()
		case _, ok := <-metrics:
			if ok {
				s.notifySubscribers()
			}
		case <-ticker.C:
			if since := s.unreachableSince(); !since.Equal(last) {
				last = since
				s.notifySubscribers()
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(notifyInterval):
		}
	}
}

func (s *Store) notifySubscribers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	for changes := range s.subscribers {
		select {
		case changes <- struct{}{}:
		default: // it has not received the last notification yet
		}
	}
}
