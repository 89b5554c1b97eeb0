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
	last := a.memory.last(owner.UID, entry)
	present, err := read(ctx, a.cache, owner.Namespace, wanted.ref)
	if err != nil {
		return Change{}, err
	}
	if present == nil && last.uid == "" {
		left, err := a.write(ctx, owner, wanted, nil, Created)
		if !isTaken(err) {
			return a.done(owner, wanted, list, Created, left, err)
		}
	}
	if present == nil {
		if present, err = read(ctx, a.direct, owner.Namespace, wanted.ref); err != nil {
			return Change{}, err
		}
	}
	return a.bringInLine(ctx, owner, wanted, present, last, list)
}

// bringInLine is for a child that exists, or did.
func (a *Applier) bringInLine(
	ctx context.Context, owner Owner, wanted manifest, present *live, last trace, list inventory,
) (Change, error) {
	action, err := judge(owner, wanted, present, last)
	if err != nil {
		return Change{}, a.nameOpponent(ctx, owner, wanted, err)
	}
	if action == Unchanged {
		list.put(wanted.ref.key(), last)
		return Change{wanted.ref, Unchanged}, a.fights.calm(child{owner.UID, wanted.ref.key()})
	}
	if action == Healed {
		if err := a.enter(ctx, owner, wanted, present); err != nil {
			return Change{}, err
		}
	}
	left, err := a.write(ctx, owner, wanted, present, action)
	return a.done(owner, wanted, list, action, left, err)
}

// done remembers what a write left behind.
func (a *Applier) done(owner Owner, wanted manifest, list inventory, action Action, left trace, err error) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	a.memory.keep(owner.UID, wanted.ref.key(), left)
	list.put(wanted.ref.key(), left)
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
