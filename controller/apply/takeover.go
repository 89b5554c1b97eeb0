package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// handOffManager co-owns a field that we are about to release.
const handOffManager = v1.FieldManager + "-handoff"

// handOff preserves the number of replicas when the manifest no longer has it: a field that
// its last manager omits is removed, and the API server would then default it to 1. A second
// manager holds it until an autoscaler takes it over.
func (a *Applier) handOff(
	ctx context.Context, owner Owner, desired manifest, object *live, options ...client.PatchOption,
) error {
	version, kind := desired.ref.ToAPIVersionAndKind()
	body, err := json.Marshal(map[string]any{
		"apiVersion": version, "kind": kind,
		"metadata": map[string]any{"name": desired.ref.Name, "namespace": owner.Namespace, "uid": object.uid},
		"spec":     map[string]any{"replicas": *object.replicas},
	})
	if err != nil {
		return fmt.Errorf("encoding the replicas of %s: %w", desired.ref, err)
	}
	_, err = a.patch(ctx, owner, desired.ref, body, append(options, client.FieldOwner(handOffManager))...)
	if _, isConflict := errors.AsType[*ConflictError](err); isConflict {
		return nil // Another manager has it already.
	}
	return err
}

// conflictsWithOthersItems reports whether a manifest that was accepted before is rejected
// because of list items that another client wrote: an item with another key, such as a port of the
// same name with another number, stays beside ours.
func conflictsWithOthersItems(action Action, err error) bool {
	_, isRejected := errors.AsType[*RejectedError](err)
	return action == Corrected && isRejected
}

// takeOver applies again after upgrade, so that the apply removes the fields that other clients wrote
// by create and update. Fields that they applied or scaled stay theirs.
func (a *Applier) takeOver(
	ctx context.Context, owner Owner, desired manifest, object *live, body []byte, options []client.PatchOption,
) (client.Object, error) {
	if desired.releasesReplicas {
		if err := a.handOff(ctx, owner, desired, object, client.ForceOwnership); err != nil {
			return nil, err
		}
	}
	if err := a.upgrade(ctx, owner, desired); err != nil {
		return nil, err
	}
	return a.patch(ctx, owner, desired.ref, body, options...)
}

// upgrade makes us the manager of fields that other clients wrote by create and update, so
// that the next apply removes those that the manifest does not have.
func (a *Applier) upgrade(ctx context.Context, owner Owner, desired manifest) error {
	object := newObject(owner.Namespace, desired.ref)
	if err := a.direct.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return classify(desired.ref, err)
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(object, updaters(object.GetManagedFields()), v1.FieldManager)
	if err != nil || patch == nil {
		return err
	}
	err = a.writer.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch))
	if apierrors.IsConflict(err) {
		return &UnavailableError{Ref: desired.ref, Err: err} // The object changed since.
	}
	return classify(desired.ref, err)
}

// updaters returns the managers of fields written by create and update, without Kubernetes'
// own controllers, which continue to write.
func updaters(entries []metav1.ManagedFieldsEntry) sets.Set[string] {
	names := sets.New[string]()
	for _, entry := range entries {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" &&
			entry.Manager != kubeControllerManager {
			names.Insert(entry.Manager)
		}
	}
	return names
}
