package apply

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// DryRun applies the set without an effect, and returns the error of each object that the API
// server does not accept.
func DryRun(ctx context.Context, writer client.Writer, set *ObjectSet) map[Ref]error {
	errs := map[Ref]error{}
	for _, desired := range set.manifests {
		body, err := desired.updateBody("")
		if err == nil {
			err = classify(desired.ref, writer.Patch(ctx, newObject(set.owner.Namespace, desired.ref),
				client.RawPatch(types.ApplyPatchType, body),
				client.FieldOwner(v1.FieldManager), client.ForceOwnership, client.DryRunAll))
		}
		if err != nil {
			errs[desired.ref] = err
		}
	}
	return errs
}
