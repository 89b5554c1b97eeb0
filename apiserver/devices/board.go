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
	// pace is how often those who wait are told at most.
	pace = time.Second
	// lookInterval is how often it is looked whether Kubernetes is lost, or found again.
	lookInterval = 5 * time.Second
)

// Store keeps the newest Inventory. It is counted when somebody asks and something changed.
type Store struct {
	cluster   *live.Cache
	lost      func() time.Time // since when Kubernetes is not heard of
	catalogue func() *render.Catalogue
	poller    *fetchers.Poller // nil: there is no Prometheus

	changed chan struct{} // holds one

	mu        sync.Mutex
	stale     bool
	inventory *Inventory
	waiting   map[chan struct{}]bool
}

// NewStore returns a Store that hears of nothing before Run.
func NewStore(cluster *live.Cache, catalogue func() *render.Catalogue, poller *fetchers.Poller) *Store {
	return &Store{
		cluster: cluster, catalogue: catalogue, poller: poller,
		lost:    func() time.Time { return cluster.UnreachableSince(live.Nodes, live.Pods, live.Projects) },
		changed: make(chan struct{}, 1), stale: true, waiting: map[chan struct{}]bool{},
	}
}

// Inventory returns the Inventory as it is now.
func (b *Store) Inventory(ctx context.Context) (*Inventory, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sources := Sources{Catalogue: b.catalogue(), UnreachableSince: b.lost()}
	if b.poller != nil {
		sources.Metrics = b.poller.Snapshot()
	}
	if last := b.inventory; last != nil && !b.stale && last.Catalogue == sources.Catalogue && last.Metrics == sources.Metrics && last.UnreachableSince.Equal(sources.UnreachableSince) {
		return last, nil
	}
	b.stale = false // Before the read: a change after it shows next time.
	if err := b.read(ctx, &sources); err != nil {
		b.stale = true
		return nil, err
	}
	b.inventory = NewInventory(sources)
	return b.inventory, nil
}

func (b *Store) read(ctx context.Context, sources *Sources) error {
	var nodes corev1.NodeList
	var pods corev1.PodList
	var projects v1.ProjectList
	for _, list := range []struct {
		of   string
		into client.ObjectList
	}{{live.Nodes, &nodes}, {live.Pods, &pods}, {live.Projects, &projects}} {
		if err := b.cluster.Reader().List(ctx, list.into); err != nil {
			return fmt.Errorf("listing %s: %w", list.of, err)
		}
	}
	sources.Nodes, sources.Pods, sources.Projects = nodes.Items, pods.Items, projects.Items
	return nil
}

// Subscribe yields at once, and then after changes, at most once a second, until the
// context ends. Whoever is slow hears of several changes once.
func (b *Store) Subscribe(ctx context.Context) <-chan struct{} {
	changes := make(chan struct{}, 1)
	changes <- struct{}{}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[changes] = true
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting, changes)
	})
	return changes
}

// Run hears of changes, and tells, until the context ends.
func (b *Store) Run(ctx context.Context) error {
	if err := b.cluster.Changes(ctx, b.note, &corev1.Node{}, &corev1.Pod{}, &v1.Project{}); err != nil {
		return err
	}
	var metrics <-chan *fetchers.Snapshot // never, without Prometheus
	if b.poller != nil {
		metrics = b.poller.Subscribe(ctx)
	}
	b.follow(ctx, metrics)
	return nil
}

// follow tells of changes until the context ends.
func (b *Store) follow(ctx context.Context, metrics <-chan *fetchers.Snapshot) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for lost := b.lost(); ; {
		select {
		case <-ctx.Done():
			return
		case <-b.changed:
			b.tell()
		case _, more := <-metrics:
			if more {
				b.tell()
			}
		case <-look.C:
			if now := b.lost(); !now.Equal(lost) {
				lost = now
				b.tell()
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pace):
		}
	}
}

func (b *Store) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale = true
	for changes := range b.waiting {
		select {
		case changes <- struct{}{}:
		default: // it has not looked at the last change yet
		}
	}
}
