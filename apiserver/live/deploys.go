package live

import (
	"context"
	"slices"
	"sync"
)

// Deploys is every NpuDeploy that Kubernetes has told of, and what became of them lately.
// However many read, nobody waits for a reader: each asks what has happened since it
// asked last (Since), and who asks too seldom is told to begin anew.
type DeployCache struct {
	mu      sync.Mutex
	all     []*Deploy // in the order of their keys
	lent    bool      // somebody reads all: the next change makes a copy
	version string    // Kubernetes' resourceVersion of all; empty before the first list
	history history
	changed chan struct{} // closed at the next change, nil if nobody waits for it
}

// Snapshot is all NpuDeploys at one moment. It is shared: nobody changes it.
type Snapshot struct {
	Deploys  []*Deploy // in the order of their keys
	Version  string    // Kubernetes' resourceVersion, which Resume takes; empty before the first list
	Position Position
}

// Reaches says whether the state is not older than a version.
func (s Snapshot) Includes(version string) bool { return !newer(version, s.Version) }

// Find returns the index of a key, or where it would be.
func (s Snapshot) Find(key Key) (int, bool) { return find(s.Deploys, key) }

// In are those of a namespace that come after a key; of all namespaces, if it is empty.
func (s Snapshot) ListAfter(namespace string, after Key) []*Deploy {
	from, found := s.Find(after)
	if found {
		from++
	}
	if namespace == "" {
		return s.Deploys[from:]
	}
	first, _ := s.Find(Key{Namespace: namespace})
	last, _ := s.Find(Key{Namespace: namespace + "\x00"}) // the next that could be
	return s.Deploys[min(max(from, first), last):last]
}

func find(deploys []*Deploy, key Key) (int, bool) {
	return slices.BinarySearchFunc(deploys, key, func(d *Deploy, key Key) int { return d.Key().Compare(key) })
}

// Now returns what is known, and a channel that is closed when there is more.
func (d *DeployCache) Snapshot() (Snapshot, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state(), d.next()
}

// first waits for the first list.
func (d *DeployCache) first(ctx context.Context) (Snapshot, error) {
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

func (d *DeployCache) state() Snapshot {
	d.lent = true
	return Snapshot{d.all, d.version, d.history.end()}
}

func (d *DeployCache) next() <-chan struct{} {
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

// Resume returns the position after a version, or false if it is not known any more, or
// not yet.
func (d *DeployCache) PositionAfter(version string) (Position, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if newer(version, d.version) {
		return 0, false
	}
	return d.history.after(version)
}

// Since returns what has happened since a position, in order, and what that has come to.
// It is false if too much has happened to be remembered.
func (d *DeployCache) EventsSince(position Position) (events []Event, now Snapshot, changed <-chan struct{}, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events, ok = d.history.since(position)
	return events, d.state(), d.next(), ok
}

// filling has a reflector fill Deploys.
type filling struct{ *DeployCache }

// Add takes a new object.
func (f filling) Add(object any) error { return f.set(object) }

// Update takes a changed object.
func (f filling) Update(object any) error { return f.set(object) }

func (f filling) set(object any) error {
	deploy, err := readDeploy(object)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(deploy)
	f.reach(deploy.ResourceVersion)
	return nil
}

// Delete takes an object that is gone, as it was last; its version is that of the deletion.
func (f filling) Delete(object any) error {
	gone, err := readDeploy(object)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove(gone, gone.ResourceVersion, true)
	f.reach(gone.ResourceVersion)
	return nil
}

// Replace takes all objects there are, at the beginning and after a gap in the watch: what
// happened meanwhile is told as what became of it.
func (f filling) Replace(objects []any, version string) error {
	deploys := make([]*Deploy, len(objects))
	for i, object := range objects {
		var err error
		if deploys[i], err = readDeploy(object); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version == "" || newer(f.version, version) {
		f.begin(deploys, version)
		return nil
	}
	slices.SortFunc(deploys, func(a, b *Deploy) int {
		if newer(a.ResourceVersion, b.ResourceVersion) {
			return 1
		}
		return -1
	})
	for _, deploy := range deploys {
		f.put(deploy)
	}
	f.keep(deploys, version)
	f.reach(version)
	return nil
}

// Bookmark takes a version up to which nothing else happened.
func (f filling) Bookmark(version string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reach(version)
	return nil
}

// Resync has nothing to do: nothing is late here.
func (filling) Resync() error { return nil }

// begin forgets what was known: there was nothing, or Kubernetes was put back to a state
// of long ago.
func (d *DeployCache) begin(deploys []*Deploy, version string) {
	slices.SortFunc(deploys, func(a, b *Deploy) int { return a.Key().Compare(b.Key()) })
	d.all, d.lent = deploys, false
	d.history.forget(version)
	d.reach(version)
}

func (d *DeployCache) put(deploy *Deploy) {
	i, found := find(d.all, deploy.Key())
	if found && d.all[i].ResourceVersion == deploy.ResourceVersion {
		return
	}
	d.own()
	if !found {
		d.all = slices.Insert(d.all, i, deploy)
		d.history.add(Event{Type: Added, Deploy: deploy}, deploy.ResourceVersion, true)
		return
	}
	before := d.all[i]
	d.all[i] = deploy
	d.history.add(Event{Type: Modified, Deploy: deploy, Before: before}, deploy.ResourceVersion, true)
}

func (d *DeployCache) remove(gone *Deploy, version string, last bool) {
	i, found := find(d.all, gone.Key())
	if !found {
		return
	}
	d.own()
	before := d.all[i]
	d.all = slices.Delete(d.all, i, i+1)
	d.history.add(Event{Type: Deleted, Deploy: gone, Before: before}, version, last)
}

// keep removes all but these. Which version each deletion had is not known: whoever stops
// between two of them resumes before the first.
func (d *DeployCache) keep(deploys []*Deploy, version string) {
	kept := make(map[Key]bool, len(deploys))
	for _, deploy := range deploys {
		kept[deploy.Key()] = true
	}
	var gone []*Deploy
	for _, deploy := range d.all {
		if !kept[deploy.Key()] {
			gone = append(gone, deploy)
		}
	}
	for i, deploy := range gone {
		d.remove(deploy, version, i == len(gone)-1)
	}
}

// own makes all this store's alone.
func (d *DeployCache) own() {
	if d.lent {
		d.all, d.lent = slices.Clone(d.all), false
	}
}

// reach notes the version that has been come to, and tells who waits.
func (d *DeployCache) reach(version string) {
	if d.version == version {
		return
	}
	d.version = version
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}
