package apply

import (
	"context"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// applyChild brings one child in line with its manifest.
func (a *Applier) applyChild(
	ctx context.Context, owner Owner, wanted manifest, entry v1.InventoryEntry, list inventory,
) (Change, error) {
	if !a.served(wanted.ref.GroupVersionKind) {
		return Change{}, &NotInstalledError{Ref: wanted.ref}
	}
	present, err := a.read(ctx, owner.Namespace, wanted.ref)
	if err != nil {
		return Change{}, err
	}
	last := a.memory.last(owner.UID, entry)
	action, err := judge(owner, wanted, present, last)
	if err != nil {
		return Change{}, a.nameOpponent(ctx, owner, wanted, err)
	}
	who := child{owner.UID, wanted.ref.key()}
	if action == Unchanged {
		list.put(who.key, last)
		return Change{wanted.ref, Unchanged}, a.fights.calm(who)
	}
	if action == Healed {
		if err := a.enter(ctx, owner, wanted, present); err != nil {
			return Change{}, err
		}
	}
	left, err := a.write(ctx, owner, wanted, present, action)
	if err != nil {
		return Change{}, err
	}
	a.memory.keep(owner.UID, who.key, left)
	list.put(who.key, left)
	return Change{wanted.ref, action}, nil
}

// judge decides what is to be done, without asking anybody. An object that is not ours
// is a *ConflictError.
func judge(owner Owner, wanted manifest, present *live, last trace) (Action, error) {
	switch {
	case present == nil && last.uid != "" && intentOf(last.mark) == wanted.digest:
		return Healed, nil
	case present == nil:
		return Created, nil
	case present.deleting:
		return "", &DeletingError{Ref: wanted.ref}
	case !isOurs(owner, present, last):
		return adoption(owner, wanted, present)
	case intentOf(last.mark) != wanted.digest:
		return Configured, nil
	case last.predates(present), last.mark == mark(wanted.digest, present.owned):
		return Unchanged, nil
	}
	return Healed, nil
}

// isOurs holds for what our owner controls, and for what the inventory knows by UID:
// somebody may have taken the reference off.
func isOurs(owner Owner, present *live, last trace) bool {
	return present.controller == owner.UID || present.controller == "" && last.uid == present.uid
}

// adoption takes over what was handed over.
func adoption(owner Owner, wanted manifest, present *live) (Action, error) {
	if present.adoptBy == owner.Name && present.controller == "" {
		return Adopted, nil
	}
	return "", &ConflictError{Ref: wanted.ref, ControlledBy: present.controlledBy}
}
