package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// upgrade makes the fields that others wrote by create and update ours, so that the
// apply which follows can also remove them. Without, they would stay for ever.
func (a *Applier) upgrade(ctx context.Context, owner Owner, wanted manifest) error {
	object := newObject(owner.Namespace, wanted.ref)
	if err := a.direct.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return classify(wanted.ref, err)
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(object, updaters(object.GetManagedFields()), v1.FieldManager)
	if err != nil || patch == nil {
		return err
	}
	err = a.writer.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch))
	if apierrors.IsConflict(err) {
		return &UnavailableError{Ref: wanted.ref, Err: err} // It changed meanwhile.
	}
	return classify(wanted.ref, err)
}

// updaters are the managers that wrote by create and update, but for Kubernetes' own
// controllers: those write on.
func updaters(entries []metav1.ManagedFieldsEntry) sets.Set[string] {
	names := sets.New[string]()
	for _, entry := range entries {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" &&
			entry.Manager != "kube-controller-manager" {
			names.Insert(entry.Manager)
		}
	}
	return names
}
