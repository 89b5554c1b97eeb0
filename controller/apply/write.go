package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// write applies one manifest. Only an existing object that was found to be owned is forced,
// and only as long as it has the same UID.
func (a *Applier) write(
	ctx context.Context, owner Owner, desired manifest, object *live, action Action,
) (lastApplied, error) {
	body, err := desired.bodyFor(object)
	if err != nil {
		return lastApplied{}, err
	}
	// By default, the API server decodes the body a second time to find duplicate fields. Unknown ones are an error anyway.
	options := []client.PatchOption{client.FieldOwner(v1.FieldManager), client.FieldValidation(metav1.FieldValidationIgnore)}
	if object != nil {
		options = append(options, client.ForceOwnership)
	}
	if object == nil && desired.ref.GroupVersionKind == manifests.LeaderWorkerSet() {
		if err := a.checkServiceOf(ctx, owner, desired.ref); err != nil {
			return lastApplied{}, err
		}
	}
	if err := a.prepare(ctx, owner, desired, object, action); err != nil {
		return lastApplied{}, err
	}
	response, err := a.patch(ctx, owner, desired.ref, body, options...)
	if object != nil && conflictsWithOthersItems(action, err) {
		if taken, takeErr := a.takeOver(ctx, owner, desired, object, body, options); takeErr == nil {
			response, err = taken, nil
		}
	}
	if err != nil {
		return lastApplied{}, err
	}
	return a.applied(desired, response)
}

// applied returns the state of an object after its apply.
func (a *Applier) applied(desired manifest, response client.Object) (lastApplied, error) {
	written := newLive(response) // It removes the managed fields, which take longest to convert.
	fields, err := desired.fields()
	if err != nil {
		return lastApplied{}, err
	}
	overwritten, err := overwrittenFields(fields, response)
	if err != nil {
		return lastApplied{}, err
	}
	return lastApplied{
		ref:             desired.ref,
		uid:             written.uid,
		manifest:        desired.digest,
		ownedFields:     written.ownedFields,
		resourceVersion: written.resourceVersion,
		overwritten:     overwritten,
		added:           written.added,
		time:            a.contention.clock.Now(),
	}, nil
}

// checkServiceOf rejects a LeaderWorkerSet if a Service of another owner has its name: LeaderWorkerSet's
// controller would use that Service, which does not name the pods.
func (a *Applier) checkServiceOf(ctx context.Context, owner Owner, set Ref) error {
	ref := Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Service"}, Name: set.Name}
	service, err := read(ctx, a.direct, owner.Namespace, ref)
	if err != nil || service == nil || service.controlledBy == "LeaderWorkerSet "+set.Name {
		return err
	}
	return &ConflictError{Ref: ref, UsedBy: set.String()}
}

// prepare changes the managers of fields that the apply would drop, or could not remove.
func (a *Applier) prepare(ctx context.Context, owner Owner, desired manifest, object *live, action Action) error {
	switch {
	case action == Adopted && desired.releasesReplicas:
		// Before upgrade, which makes the replicas ours.
		if err := a.handOff(ctx, owner, desired, object, client.ForceOwnership); err != nil {
			return err
		}
	case object != nil && desired.releasesReplicas && object.ownsReplicas:
		return a.handOff(ctx, owner, desired, object)
	}
	if action == Adopted {
		return a.upgrade(ctx, owner, desired)
	}
	return nil
}

// patch server-side applies body and returns the resulting object.
func (a *Applier) patch(
	ctx context.Context, owner Owner, ref Ref, body []byte, options ...client.PatchOption,
) (client.Object, error) {
	object := newResponse(owner.Namespace, ref)
	err := a.writer.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, body), options...)
	return object, classify(ref, err)
}

// bodyFor returns the body for a creation, or for an update of an existing object.
func (m manifest) bodyFor(object *live) ([]byte, error) {
	if object == nil {
		return m.body()
	}
	return m.updateBody(object.uid)
}

// updateBody returns the body for an update. The API server rejects it if the object has
// another UID; empty means any.
func (m manifest) updateBody(uid types.UID) ([]byte, error) {
	body, err := m.body()
	if err != nil {
		return nil, err
	}
	metadata := `]`
	if uid != "" {
		metadata += fmt.Sprintf(`,"uid":%q`, uid)
	}
	return bytes.Replace(body, []byte(creationMetadata), []byte(metadata), 1), nil
}

// alreadyExists reports whether a creation failed because the object exists. If the object has
// other values in fields of the manifest, the API server reports a conflict instead.
func alreadyExists(err error) bool {
	_, isConflict := errors.AsType[*ConflictError](err)
	unavailable, isUnavailable := errors.AsType[*UnavailableError](err)
	return isConflict || isUnavailable && apierrors.IsConflict(unavailable.Err)
}
