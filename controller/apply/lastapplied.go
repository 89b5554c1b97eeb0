package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// lastApplied is the state of one object after its last apply.
type lastApplied struct {
	digest          string // see appliedDigest
	resourceVersion string
	uid             types.UID
	overwritten     []string  // fields that admission changed
	added           string    // fields of other managers
	time            time.Time // of the apply
	pruned          types.UID // of a deleted object, which informers may still have
}

// withAdditions returns l with the additions to an object of the same or a later version.
func (l lastApplied) withAdditions(object *live) lastApplied {
	if object != nil && !l.isAfter(object) {
		l.added = object.added
	}
	return l
}

// IsBehind reports whether an object of an owner was read from before this process last applied it.
func (a *Applier) IsBehind(owner types.UID, kind schema.GroupVersionKind, object client.Object) bool {
	last := a.lastApplied.get(owner, v1.InventoryEntry{Group: kind.Group, Kind: kind.Kind, Name: object.GetName()})
	return last.isAfter(&live{resourceVersion: object.GetResourceVersion()})
}

// overwrittenSuffix of a recorded digest means that admission changed fields, which only memory
// lists: a controller that starts applies the object again.
const overwrittenSuffix = "!"

// recorded returns the digest for the inventory.
func (l lastApplied) recorded() string {
	if len(l.overwritten) > 0 {
		return l.digest + overwrittenSuffix
	}
	return l.digest
}

// isAfter reports whether the object was read from before the apply. Such an older version
// is not drift.
func (l lastApplied) isAfter(object *live) bool {
	order, err := resourceversion.CompareResourceVersion(object.resourceVersion, l.resourceVersion)
	return err == nil && order < 0
}

// appliedDigest joins the digests of a manifest and of the managed fields that the API
// server recorded for it.
func appliedDigest(manifest, ownedFields string) string { return manifest + "-" + ownedFields }

// manifestDigest is the first half of an appliedDigest.
func manifestDigest(applied string) string {
	manifest, _, _ := strings.Cut(applied, "-")
	return manifest
}

// Digest is short: status has two of them for each object.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// lastAppliedStore keeps the last applied state in memory. Status has it too, but an
// informer's status may be older than the last write.
type lastAppliedStore struct {
	mu      sync.Mutex
	byOwner map[types.UID]map[key]lastApplied
}

// get falls back to the inventory for an object that this process has not applied yet.
func (s *lastAppliedStore) get(owner types.UID, entry v1.InventoryEntry) lastApplied {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.byOwner[owner][refOf(entry).key()]; ok {
		return last
	}
	return lastApplied{digest: entry.Digest, uid: types.UID(entry.UID)}
}

func (s *lastAppliedStore) put(owner types.UID, k key, last lastApplied) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byOwner[owner] == nil {
		s.byOwner[owner] = map[key]lastApplied{}
	}
	s.byOwner[owner][k] = last
}

func (s *lastAppliedStore) forget(owner types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byOwner, owner)
}

// inventory lists the objects of one owner: the desired ones in apply order, then those to
// prune.
type inventory []v1.InventoryEntry

// newInventory returns the inventory to record before the set is applied, and whether it
// has entries that recorded lacks.
func newInventory(set *Set, recorded, owned []v1.InventoryEntry) (inventory, bool) {
	byKey := map[key]v1.InventoryEntry{}
	for _, entry := range recorded {
		byKey[refOf(entry).key()] = entry
	}
	var list inventory
	isNew := false
	for _, desired := range set.manifests {
		entry, ok := byKey[desired.ref.key()]
		isNew = isNew || !ok
		entry.Group, entry.Version, entry.Kind = desired.ref.Group, desired.ref.Version, desired.ref.Kind
		entry.Name = desired.ref.Name
		list = append(list, entry)
	}
	for _, entry := range slices.Concat(recorded, owned) {
		k := refOf(entry).key()
		if set.has(k) || list.index(k) >= 0 {
			continue
		}
		_, ok := byKey[k]
		isNew = isNew || !ok
		list = append(list, entry)
	}
	return list, isNew
}

func (i inventory) put(k key, last lastApplied) {
	at := i.index(k)
	i[at].UID, i[at].Digest = string(last.uid), last.recorded()
}

func (i inventory) index(k key) int {
	return slices.IndexFunc(i, func(entry v1.InventoryEntry) bool { return refOf(entry).key() == k })
}
