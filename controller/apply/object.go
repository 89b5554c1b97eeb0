package apply

import (
	"context"
	"errors"
)

// applyObject applies one manifest if the live object differs from it.
func (a *Applier) applyObject(ctx context.Context, owner Owner, desired manifest, recorded Recorded) (Change, error) {
	if err := a.checkInstalled(desired.ref.GroupVersionKind); errors.Is(err, ErrNotInstalled) {
		return Change{}, &NotInstalledError{Ref: desired.ref}
	} else if err != nil {
		return Change{}, &UnlistedError{Ref: desired.ref, Err: err}
	}
	last := a.lastApplied.get(owner.UID, desired.ref.key())
	object, err := read(ctx, a.cache, owner.Namespace, desired.ref)
	if err != nil {
		return Change{}, err
	}
	if object == nil && last.uid == "" {
		applied, err := a.write(ctx, owner, desired, nil, Created)
		if !alreadyExists(err) {
			return a.put(owner, Created, applied, err)
		}
	}
	if object == nil || needsCurrent(desired, object, last) {
		if object, err = read(ctx, a.direct, owner.Namespace, desired.ref); err != nil {
			return Change{}, err
		}
	}
	isFirst := last.uid == ""
	if isFirst {
		last = recorded.derive(owner, desired, object)
	}
	return a.applyExisting(ctx, owner, desired, object, last, isFirst && recorded.Admission)
}

// needsCurrent reports whether a changed manifest without replicas requires the current object: an
// older one may not show that the replicas are ours, and without a hand-off they become 1.
func needsCurrent(desired manifest, object *live, last lastApplied) bool {
	return desired.releasesReplicas && last.manifest != desired.digest && last.isAfter(object)
}

// applyExisting applies an object that exists or existed, if it differs. With recheck it is applied even
// if it is unchanged.
func (a *Applier) applyExisting(
	ctx context.Context, owner Owner, desired manifest, object *live, last lastApplied, recheck bool,
) (Change, error) {
	action, err := compare(owner, desired, object, last)
	if err != nil {
		return Change{}, a.withOtherManager(ctx, owner, desired, err)
	}
	last = last.withAdditions(object)
	recheck = action == Unchanged && (recheck || a.recheckAfter(last) == 0)
	if action == Unchanged && !recheck {
		a.lastApplied.put(owner.UID, last)
		return Change{desired.ref, Unchanged}, a.contention.check(objectID{owner.UID, desired.ref.key()})
	}
	if action == Corrected {
		if err := a.backOff(ctx, owner, desired, object); err != nil {
			return Change{}, err
		}
	}
	applied, err := a.write(ctx, owner, desired, object, action)
	if recheck && applied.resourceVersion != object.resourceVersion {
		action = Configured
	}
	if err == nil && action == Corrected {
		a.contention.corrected(objectID{owner.UID, desired.ref.key()})
	}
	return a.put(owner, action, applied, err)
}

// put stores what a successful write applied.
func (a *Applier) put(owner Owner, action Action, applied lastApplied, err error) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	a.lastApplied.put(owner.UID, applied)
	return Change{applied.ref, action}, nil
}

// compare returns the action that an object requires. An object that is not owned is a
// *ConflictError.
func compare(owner Owner, desired manifest, object *live, last lastApplied) (Action, error) {
	switch {
	case object == nil && last.uid != "" && last.manifest == desired.digest:
		return Corrected, nil
	case object == nil:
		return Created, nil
	case object.deleting:
		return "", &DeletingError{Ref: desired.ref}
	case object.controller != owner.UID && (object.controller != "" || last.uid != object.uid):
		return adoption(owner, desired, object)
	case last.manifest != desired.digest:
		return Configured, nil
	case last.isAfter(object), last.ownedFields == object.ownedFields:
		return Unchanged, nil
	}
	return Corrected, nil
}

// adoption takes over an object that is annotated for the owner.
func adoption(owner Owner, desired manifest, object *live) (Action, error) {
	switch {
	case object.adoptBy == owner.Name && object.controller == "":
		return Adopted, nil
	case object.controlledBy == owner.Kind+" "+owner.Name: // A deleted owner of the same name: Kubernetes deletes the object.
		return "", &DeletingError{Ref: desired.ref}
	}
	return "", &ConflictError{Ref: desired.ref, ControlledBy: object.controlledBy}
}
