package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// lastApplied is the state of one object after its last apply.
type lastApplied struct {
	ref             Ref
	uid             types.UID // empty: it was never applied
	manifest        string    // the digest of the manifest
	ownedFields     string    // see live
	resourceVersion string
	overwritten     []string  // fields that admission changed
	added           string    // fields of other managers
	time            time.Time // when it was applied
	pruned          types.UID // UID of an object that was deleted, which informers may still have
	// inInventory means that the digests are in the owner's inventory, and not on the object.
	inInventory bool
}

// withAdditions returns l with the additions to an object of the same or a later version.
func (l lastApplied) withAdditions(object *live) lastApplied {
	if object != nil && !l.isAfter(object) {
		l.added = object.added
	}
	return l
}

// IsBehind reports whether an object of an owner is older than this process's last apply of it.
func (a *Applier) IsBehind(owner types.UID, kind schema.GroupVersionKind, object metav1.Object) bool {
	last := a.lastApplied.get(owner, key{kind.Group, kind.Kind, object.GetName()})
	return last.isAfter(&live{resourceVersion: object.GetResourceVersion()})
}

// isAfter reports whether the apply is newer than the object. An older version of an object is not
// drift.
func (l lastApplied) isAfter(object *live) bool {
	order, err := resourceversion.CompareResourceVersion(object.resourceVersion, l.resourceVersion)
	return err == nil && order < 0
}

// Digest returns the digest of a manifest, or of the parts of a text. It is short, because each object has one in an
// annotation.
func Digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// lastAppliedStore keeps the last applied state in memory. Informers may lag behind it.
type lastAppliedStore struct {
	mu      sync.Mutex
	byOwner map[types.UID][]lastApplied // lists, because maps would take twice the memory
}

func (s *lastAppliedStore) get(owner types.UID, k key) lastApplied {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := indexOf(s.byOwner[owner], k); i >= 0 {
		return s.byOwner[owner][i]
	}
	return lastApplied{}
}

// of returns the objects of an owner.
func (s *lastAppliedStore) of(owner types.UID) []lastApplied {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.byOwner[owner])
}

func (s *lastAppliedStore) put(owner types.UID, last lastApplied) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := s.byOwner[owner]
	if i := indexOf(objects, last.ref.key()); i >= 0 {
		objects[i] = last
		return
	}
	s.byOwner[owner] = slices.Concat(objects, []lastApplied{last}) // without spare capacity
}

func indexOf(objects []lastApplied, k key) int {
	return slices.IndexFunc(objects, func(last lastApplied) bool { return last.ref.key() == k })
}

func (s *lastAppliedStore) forget(owner types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byOwner, owner)
}

// Recorded is what the status of an owner records about its objects.
type Recorded struct {
	// Inventory has the digests of objects that an earlier version applied, without an annotation.
	Inventory []v1.InventoryEntry
	// Admission means that admission changed some of the objects: see ReportsAdmission.
	Admission bool
}

// derive returns the state of an object that this process has not applied yet, from the object.
func (r Recorded) derive(owner Owner, desired manifest, object *live) lastApplied {
	last := lastApplied{ref: desired.ref}
	switch {
	case object == nil || object.controller != owner.UID && (object.controller != "" || object.manifest != desired.digest):
		return last
	case object.manifest != "":
		last.manifest = object.manifest
		if object.ownsAll(desired) {
			last.ownedFields = object.ownedFields
		}
	default:
		i := slices.IndexFunc(r.Inventory, func(entry v1.InventoryEntry) bool {
			return entry.UID == string(object.uid) && keyOf(entry) == desired.ref.key()
		})
		if i < 0 {
			break
		}
		// In earlier versions, an exclamation mark meant that admission changed the object.
		last.manifest, last.ownedFields, last.inInventory = splitDigests(strings.TrimSuffix(r.Inventory[i].Digest, "!"))
	}
	last.uid = object.uid
	return last
}

// splitDigests returns the digests of a manifest and of the fields that we own. The first is read from an annotation,
// which may contain any text.
func splitDigests(joined string) (manifest, ownedFields string, ok bool) {
	i := strings.LastIndex(joined, "-")
	if i < 0 {
		return joined, "", false
	}
	return joined[:i], joined[i+1:], true
}

func joinDigests(manifest, ownedFields string) string { return manifest + "-" + ownedFields }

func keyOf(entry v1.InventoryEntry) key { return key{entry.Group, entry.Kind, entry.Name} }

// inventory returns the recorded entries that are still required: those of objects without an annotation.
func (a *Applier) inventory(set *ObjectSet, recorded []v1.InventoryEntry) []v1.InventoryEntry {
	return slices.DeleteFunc(slices.Clone(recorded), func(entry v1.InventoryEntry) bool {
		last := a.lastApplied.get(set.owner.UID, keyOf(entry))
		return !set.has(keyOf(entry)) || last.uid != "" && !last.inInventory
	})
}
