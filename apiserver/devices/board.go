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

// Board keeps the newest Fleet. It is counted when somebody asks and something changed.
type Board struct {
	cluster   *live.Cluster
	lost      func() time.Time // since when Kubernetes is not heard of
	catalogue func() *render.Catalogue
	poller    *fetchers.Poller // nil: there is no Prometheus

	changed chan struct{} // holds one

	mu      sync.Mutex
	stale   bool
	fleet   *Fleet
	waiting map[chan struct{}]bool
}

// NewBoard returns a Board that hears of nothing before Run.
func NewBoard(cluster *live.Cluster, catalogue func() *render.Catalogue, poller *fetchers.Poller) *Board {
	return &Board{
		cluster: cluster, catalogue: catalogue, poller: poller,
		lost:    func() time.Time { return cluster.Lost(live.Nodes, live.Pods, live.Projects) },
		changed: make(chan struct{}, 1), stale: true, waiting: map[chan struct{}]bool{},
	}
}

// Fleet returns the Fleet as it is now.
func (b *Board) Fleet(ctx context.Context) (*Fleet, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sources := Sources{Catalogue: b.catalogue(), Lost: b.lost()}
	if b.poller != nil {
		sources.Metrics = b.poller.Snapshot()
	}
	if last := b.fleet; last != nil && !b.stale && last.Catalogue == sources.Catalogue && last.Metrics == sources.Metrics && last.Lost.Equal(sources.Lost) {
		return last, nil
	}
	b.stale = false // Before the read: a change after it shows next time.
	if err := b.read(ctx, &sources); err != nil {
		b.stale = true
		return nil, err
	}
	b.fleet = NewFleet(sources)
	return b.fleet, nil
}

func (b *Board) read(ctx context.Context, sources *Sources) error {
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
func (b *Board) Subscribe(ctx context.Context) <-chan struct{} {
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
func (b *Board) Run(ctx context.Context) error {
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
func (b *Board) follow(ctx context.Context, metrics <-chan *fetchers.Snapshot) {
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

func (b *Board) tell() {
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
