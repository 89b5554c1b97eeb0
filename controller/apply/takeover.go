package apply

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// isOutOfPlace says that a manifest which was accepted before is refused because of
// what somebody wrote beside it: an element of a list under another key (a port of the
// same name with another number) is not replaced by ours, but stands next to it.
func isOutOfPlace(action Action, err error) bool {
	rejected := (*RejectedError)(nil)
	return action == Healed && errors.As(err, &rejected)
}

// takeOver applies once more after what others wrote by create and update was made
// ours, so that the apply removes it. What others applied, or scaled, stays theirs.
func (a *Applier) takeOver(
	ctx context.Context, owner Owner, wanted manifest, present *live, body []byte, options []client.PatchOption,
) (*live, error) {
	if wanted.releasesReplicas {
		if err := a.handOff(ctx, owner, wanted, present, client.ForceOwnership); err != nil {
			return nil, err
		}
	}
	if err := a.upgrade(ctx, owner, wanted); err != nil {
		return nil, err
	}
	return a.patch(ctx, owner, wanted.ref, body, options...)
}
