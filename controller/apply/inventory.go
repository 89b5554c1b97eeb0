package apply

import (
	"slices"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// inventory lists what was applied for one owner: what is wanted in apply order, then
// what is to be pruned.
type inventory []v1.InventoryEntry

// newInventory returns the inventory that has to be on record before set is applied,
// and whether it has anything that recorded lacks.
func newInventory(set *Set, recorded []v1.InventoryEntry) (inventory, bool) {
	known := map[key]v1.InventoryEntry{}
	for _, entry := range recorded {
		known[refOf(entry).key()] = entry
	}
	var list inventory
	isNew := false
	for _, child := range set.manifests {
		entry, found := known[child.ref.key()]
		isNew = isNew || !found
		entry.Group, entry.Version, entry.Kind = child.ref.Group, child.ref.Version, child.ref.Kind
		entry.Name = child.ref.Name
		list = append(list, entry)
	}
	for _, entry := range recorded {
		if !set.has(refOf(entry).key()) {
			list = append(list, entry)
		}
	}
	return list, isNew
}

// put notes what an apply of the child left behind.
func (i inventory) put(k key, t trace) {
	at := i.index(k)
	i[at].UID, i[at].Digest = string(t.uid), t.mark
}

func (i inventory) index(k key) int {
	return slices.IndexFunc(i, func(entry v1.InventoryEntry) bool { return refOf(entry).key() == k })
}
