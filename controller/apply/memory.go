package apply

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// trace is what the last apply of one child left behind.
type trace struct {
	mark            string
	resourceVersion string
	uid             types.UID
}

// predates says that the object was read from before the apply: it says nothing about
// what others did since. Our own earlier version is not drift.
func (t trace) predates(object *live) bool {
	order, err := resourceversion.CompareResourceVersion(object.resourceVersion, t.resourceVersion)
	return err == nil && order < 0
}

// memory keeps traces: status has them too, but an informer hands out a status that is
// older than what was written a moment ago.
type memory struct {
	mu     sync.Mutex
	traces map[types.UID]map[key]trace
}

// last returns the trace of a child, from the inventory if this process has not
// applied it yet.
func (m *memory) last(owner types.UID, entry v1.InventoryEntry) trace {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.traces[owner][refOf(entry).key()]; ok {
		return known
	}
	return trace{mark: entry.Digest, uid: types.UID(entry.UID)}
}

func (m *memory) keep(owner types.UID, k key, t trace) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.traces[owner] == nil {
		m.traces[owner] = map[key]trace{}
	}
	m.traces[owner][k] = t
}

func (m *memory) drop(owner types.UID, k key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.traces[owner], k)
}

func (m *memory) forget(owner types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.traces, owner)
}
