package apply

import (
	"context"
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// enter is the gate before a healing: it stays shut while a fight is on.
func (a *Applier) enter(ctx context.Context, owner Owner, wanted manifest, present *live) error {
	who := child{owner.UID, wanted.ref.key()}
	wait, isFight := a.fights.next(who)
	if wait <= 0 && !isFight {
		return nil
	}
	known := a.fights.name(who, func() opponent { return a.findOpponent(ctx, owner, wanted, present) })
	if wait <= 0 {
		return nil
	}
	return newContested(who, known, wait)
}

// nameOpponent completes a conflict with the manager and the field that a user has to
// look for. The first error stays if nobody knows.
func (a *Applier) nameOpponent(ctx context.Context, owner Owner, wanted manifest, err error) error {
	conflict := (*ConflictError)(nil)
	if !errors.As(err, &conflict) || conflict.ControlledBy != "" {
		return err
	}
	known := a.findOpponent(ctx, owner, wanted, &live{})
	return &ConflictError{Ref: conflict.Ref, Owner: owner.Name, Manager: known.manager, Field: known.field}
}

// findOpponent has the API server say with whom an apply would conflict. Where nobody
// owns what we want (a label that was removed), it is whoever wrote last.
func (a *Applier) findOpponent(ctx context.Context, owner Owner, wanted manifest, present *live) opponent {
	if present == nil {
		return opponent{}
	}
	body, err := forExisting(wanted.body, "")
	if err != nil {
		return opponent{}
	}
	conflict := (*ConflictError)(nil)
	_, err = a.patch(ctx, owner, wanted.ref, body, client.FieldOwner(v1.FieldManager), client.DryRunAll)
	if errors.As(err, &conflict) {
		return opponent{manager: conflict.Manager, field: conflict.Field}
	}
	object := newObject(owner.Namespace, wanted.ref)
	if err := a.direct.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return opponent{}
	}
	return opponent{manager: lastWriter(object.GetManagedFields())}
}

// lastWriter is the manager that wrote last beside us and Kubernetes' own controllers,
// which write status.
func lastWriter(entries []metav1.ManagedFieldsEntry) string {
	others := slices.DeleteFunc(slices.Clone(entries), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == v1.FieldManager || entry.Manager == HandOffManager ||
			entry.Manager == "kube-controller-manager" || entry.Subresource != "" || entry.Time == nil
	})
	if len(others) == 0 {
		return ""
	}
	return slices.MaxFunc(others, func(a, b metav1.ManagedFieldsEntry) int {
		return a.Time.Compare(b.Time.Time)
	}).Manager
}

// firstConflict is the first of the fields that an apply without force would take.
func firstConflict(err error) (opponent, bool) {
	for _, cause := range causes(err) {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			return opponent{manager: quoted(cause.Message), field: cause.Field}, true
		}
	}
	return opponent{}, false
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}
