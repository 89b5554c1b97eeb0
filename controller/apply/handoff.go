package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// HandOffManager co-owns a field that we are about to let go.
const HandOffManager = v1.FieldManager + "-handoff"

// handOff keeps the number of replicas where it is when the manifest no longer says
// it: a field that its last owner omits is removed, and the API server would then
// default it to 1. A second owner holds it, until an autoscaler takes it over.
func (a *Applier) handOff(
	ctx context.Context, owner Owner, wanted manifest, present *live, options ...client.PatchOption,
) error {
	intent := appsv1.Deployment(wanted.ref.Name, owner.Namespace).WithUID(present.uid).
		WithSpec(appsv1.DeploymentSpec().WithReplicas(*present.replicas))
	body, err := json.Marshal(intent)
	if err != nil {
		return fmt.Errorf("encoding the hand-off of %s: %w", wanted.ref, err)
	}
	_, err = a.patch(ctx, owner, wanted.ref, body, append(options, client.FieldOwner(HandOffManager))...)
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		return nil // Somebody else has it already.
	}
	return err
}
