package live

import (
	"context"
	"slices"
	"sync"

	"github.com/dudaji/nufi/apiserver/stream"
)

// DeployCache holds all NpuDeploys and their recent events. Readers do not block it: each
// reads the events since its position (EventsSince), and must start from a new Snapshot if it
// has fallen too far behind.
type DeployCache struct {
	mu      sync.Mutex
	deploys []*Deploy // sorted by key
	shared  bool      // deploys is part of a Snapshot: the next change copies it
	version string    // resourceVersion of deploys; empty before the first list
	history history
	changed chan struct{} // closed at the next change; nil without readers
}

// Snapshot is all NpuDeploys at one resourceVersion. It is shared and must not be modified.
type Snapshot struct {
	Deploys  []*Deploy // sorted by key
	Version  string    // resourceVersion for PositionAfter; empty before the first list
	Position Position
}

// Includes reports whether the snapshot is not older than a resourceVersion.
func (s Snapshot) Includes(version string) bool { return !Newer(version, s.Version) }

// Find returns the index of a key, or where it would be inserted.
func (s Snapshot) Find(key Key) (int, bool) { return find(s.Deploys, key) }

// ListAfter returns the Deploys of a namespace after a key. An empty namespace means all.
func (s Snapshot) ListAfter(namespace string, after Key) []*Deploy {
	from, found := s.Find(after)
	if found {
		from++
	}
	if namespace == "" {
		return s.Deploys[from:]
	}
	first, _ := s.Find(Key{Namespace: namespace})
	last, _ := s.Find(Key{Namespace: namespace + "\x00"}) // the next possible namespace
	return s.Deploys[min(max(from, first), last):last]
}

func find(deploys []*Deploy, key Key) (int, bool) {
	return slices.BinarySearchFunc(deploys, key, func(d *Deploy, key Key) int { return d.Key().Compare(key) })
}

// Snapshot returns the current state, and a channel that is closed at the next change.
func (d *DeployCache) Snapshot() (Snapshot, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot(), d.next()
}

// synced waits for the first list.
func (d *DeployCache) synced(ctx context.Context) (Snapshot, error) {
	for {
		now, changed := d.Snapshot()
		if now.Version != "" {
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

func (d *DeployCache) snapshot() Snapshot {
	d.shared = true
	return Snapshot{d.deploys, d.version, d.history.end()}
}

func (d *DeployCache) next() <-chan struct{} {
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

// PositionAfter returns the position after a resourceVersion. It returns false for a version
// that is no longer in the history or not in the cache yet.
func (d *DeployCache) PositionAfter(version string) (Position, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if Newer(version, d.version) {
		return 0, false
	}
	return d.history.after(version)
}

// EventsSince returns the events since a position, in order, and the resulting Snapshot. It
// returns false if the history no longer has all of them.
func (d *DeployCache) EventsSince(position Position) (events []Event, now Snapshot, changed <-chan struct{}, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events, ok = d.history.since(position)
	return events, d.snapshot(), d.next(), ok
}

// reflectorStore is the cache as the store of a reflector.
type reflectorStore struct{ *DeployCache }

// Add adds an object.
func (s reflectorStore) Add(object any) error { return s.set(object) }

// Update replaces an object.
func (s reflectorStore) Update(object any) error { return s.set(object) }

func (s reflectorStore) set(object any) error {
	deploy, err := readDeploy(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(deploy)
	s.setVersion(deploy.ResourceVersion)
	return nil
}

// Delete removes an object, whose resourceVersion is the version of the deletion.
func (s reflectorStore) Delete(object any) error {
	deleted, err := readDeploy(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(deleted, deleted.ResourceVersion, true)
	s.setVersion(deleted.ResourceVersion)
	return nil
}

// Replace takes a list of all objects, at the start and after a gap in the watch. The events
// of a gap are the differences to the list.
func (s reflectorStore) Replace(objects []any, version string) error {
	deploys := make([]*Deploy, len(objects))
	for i, object := range objects {
		var err error
		if deploys[i], err = readDeploy(object); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == "" || Newer(s.version, version) {
		s.reset(deploys, version)
		return nil
	}
	slices.SortFunc(deploys, func(a, b *Deploy) int {
		if Newer(a.ResourceVersion, b.ResourceVersion) {
			return 1
		}
		return -1
	})
	for _, deploy := range deploys {
		s.put(deploy)
	}
	s.removeOthers(deploys, version)
	s.setVersion(version)
	return nil
}

// Bookmark takes a resourceVersion without further changes.
func (s reflectorStore) Bookmark(version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setVersion(version)
	return nil
}

// Resync does nothing.
func (reflectorStore) Resync() error { return nil }

// reset replaces the content without events: the cache was empty, or Kubernetes was restored
// from a backup.
func (d *DeployCache) reset(deploys []*Deploy, version string) {
	slices.SortFunc(deploys, func(a, b *Deploy) int { return a.Key().Compare(b.Key()) })
	d.deploys, d.shared = deploys, false
	d.history.reset(version)
	d.setVersion(version)
}

func (d *DeployCache) put(deploy *Deploy) {
	i, found := find(d.deploys, deploy.Key())
	if found && d.deploys[i].ResourceVersion == deploy.ResourceVersion {
		return
	}
	d.unshare()
	if !found {
		d.deploys = slices.Insert(d.deploys, i, deploy)
		d.history.add(Event{Type: stream.Added, Deploy: deploy}, deploy.ResourceVersion, true)
		return
	}
	before := d.deploys[i]
	d.deploys[i] = deploy
	d.history.add(Event{Type: stream.Modified, Deploy: deploy, Before: before}, deploy.ResourceVersion, true)
}

func (d *DeployCache) remove(deploy *Deploy, version string, hasID bool) {
	i, found := find(d.deploys, deploy.Key())
	if !found {
		return
	}
	d.unshare()
	before := d.deploys[i]
	d.deploys = slices.Delete(d.deploys, i, i+1)
	d.history.add(Event{Type: stream.Deleted, Deploy: deploy, Before: before}, version, hasID)
}

// removeOthers removes all but the given deploys. The resourceVersions of the deletions are
// unknown, so only the last event has one: a reader resumes before the first.
func (d *DeployCache) removeOthers(deploys []*Deploy, version string) {
	listed := make(map[Key]bool, len(deploys))
	for _, deploy := range deploys {
		listed[deploy.Key()] = true
	}
	var deleted []*Deploy
	for _, deploy := range d.deploys {
		if !listed[deploy.Key()] {
			deleted = append(deleted, deploy)
		}
	}
	for i, deploy := range deleted {
		d.remove(deploy, version, i == len(deleted)-1)
	}
}

// unshare copies deploys if a Snapshot uses it.
func (d *DeployCache) unshare() {
	if d.shared {
		d.deploys, d.shared = slices.Clone(d.deploys), false
	}
}

// setVersion wakes the readers if the version has changed.
func (d *DeployCache) setVersion(version string) {
	if d.version == version {
		return
	}
	d.version = version
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}
