package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// defaultNamespace is the controller's in the bundle.
const defaultNamespace = "nufi-system"

// diffTemplates compares two sets that the controller keeps: in a namespace, by default the one that the rollouts
// name.
func (o *rolloutOptions) diffTemplates(ctx context.Context, args []string, namespace string, out io.Writer) error {
	kube, err := o.clusterFlags.client()
	if err != nil {
		return err
	}
	rollouts, err := listRollouts(ctx, kube)
	if err != nil {
		return err
	}
	namespace = cmp.Or(namespace, rollout.StoredIn(rollouts), defaultNamespace)
	var stored appsv1.ControllerRevisionList
	if err := kube.List(ctx, &stored, client.InNamespace(namespace), client.HasLabels{templates.LabelStored}); err != nil {
		return fmt.Errorf("listing stored templates: %w", err)
	}
	var digests [2]string
	var sets [2]fs.FS
	for i := range sets {
		if digests[i], sets[i], err = findStored(rollouts, args[i], stored.Items); err != nil {
			return err
		}
	}
	delta, err := templates.Diff(digests[0], sets[0], digests[1], sets[1])
	if err != nil || len(delta) == 0 {
		return err
	}
	if _, err := out.Write(delta); err != nil {
		return err
	}
	return &exitError{code: exitDifferent}
}

// findStored returns the digest and the files of the set that an argument names: by a rollout, or by the
// beginning of a digest, which sets without a rollout have as well.
func findStored(newestFirst []v1.TemplateRollout, argument string, stored []appsv1.ControllerRevision) (string, fs.FS, error) {
	which, is := isTemplates(argument)
	if !is {
		return "", nil, fmt.Errorf("%s: %w", argument, errNotTemplates)
	}
	found, err := selectRollout(newestFirst, which)
	switch {
	case err == nil:
		which = found.Spec.Templates
	case which == "":
		return "", nil, err
	}
	digest, files, err := templates.FindStored(stored, which)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", argument, err)
	}
	return digest, files, nil
}
