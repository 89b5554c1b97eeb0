package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// write applies one manifest and returns what that left behind. Only what exists and
// was judged to be ours is forced, and only as long as it is the very object that was
// judged.
func (a *Applier) write(
	ctx context.Context, owner Owner, wanted manifest, present *live, action Action,
) (trace, error) {
	body := wanted.body
	options := []client.PatchOption{client.FieldOwner(v1.FieldManager)}
	if present != nil {
		pinned, err := forExisting(body, present.uid)
		if err != nil {
			return trace{}, err
		}
		body, options = pinned, append(options, client.ForceOwnership)
	}
	if err := a.prepare(ctx, owner, wanted, present, action); err != nil {
		return trace{}, err
	}
	written, err := a.patch(ctx, owner, wanted.ref, body, options...)
	if isOutOfPlace(action, err) {
		written, err = a.takeOver(ctx, owner, wanted, present, body, options)
	}
	if err != nil {
		return trace{}, err
	}
	return trace{
		mark:            mark(wanted.digest, written.owned),
		resourceVersion: written.resourceVersion,
		uid:             written.uid,
	}, nil
}

// prepare settles whose the fields are that the apply would otherwise drop, or leave
// behind. The number of replicas comes first: whoever set it by an update is about to lose
// it to us, and we do not say it.
func (a *Applier) prepare(ctx context.Context, owner Owner, wanted manifest, present *live, action Action) error {
	switch {
	case action == Adopted && wanted.releasesReplicas:
		if err := a.handOff(ctx, owner, wanted, present, client.ForceOwnership); err != nil {
			return err
		}
	case present != nil && wanted.releasesReplicas && present.ownsReplicas:
		return a.handOff(ctx, owner, wanted, present)
	}
	if action == Adopted {
		return a.upgrade(ctx, owner, wanted)
	}
	return nil
}

// patch server-side applies body and returns the object that results.
func (a *Applier) patch(
	ctx context.Context, owner Owner, ref Ref, body []byte, options ...client.PatchOption,
) (*live, error) {
	object := newObject(owner.Namespace, ref)
	if err := a.writer.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, body), options...); err != nil {
		return nil, classify(ref, err)
	}
	return observe(object), nil
}

// forExisting makes a body for creation one for a change. The UID makes the API server
// refuse it if another object has taken the name meanwhile; empty means any object.
func forExisting(body []byte, uid types.UID) ([]byte, error) {
	var content map[string]any
	if err := k8sjson.Unmarshal(body, &content); err != nil {
		return nil, fmt.Errorf("pinning a manifest: %w", err)
	}
	object := unstructured.Unstructured{Object: content}
	object.SetUID(uid)
	object.SetResourceVersion("")
	return json.Marshal(content)
}

// isTaken says that a creation was refused because there is an object of that name. If
// that has other values in fields of the manifest, the refusal is about those.
func isTaken(err error) bool {
	conflict, unavailable := (*ConflictError)(nil), (*UnavailableError)(nil)
	return errors.As(err, &conflict) || errors.As(err, &unavailable) && apierrors.IsConflict(unavailable.Err)
}
