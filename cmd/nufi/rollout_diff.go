package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/templates"
)

var errNotStored = errors.New("the controller does not keep these templates")

// diffTemplates compares two sets that the controller keeps.
func (o *rolloutOptions) diffTemplates(ctx context.Context, args []string, namespace string, out io.Writer) error {
	kube, err := o.clusterFlags.client()
	if err != nil {
		return err
	}
	var stored appsv1.ControllerRevisionList
	if err := kube.List(ctx, &stored, client.InNamespace(namespace), client.HasLabels{templates.LabelStored}); err != nil {
		return fmt.Errorf("listing stored templates: %w", err)
	}
	var digests [2]string
	var sets [2]fs.FS
	for i := range sets {
		if digests[i], sets[i], err = findStored(ctx, kube, args[i], stored.Items); err != nil {
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
func findStored(ctx context.Context, kube client.Client, argument string, stored []appsv1.ControllerRevision) (string, fs.FS, error) {
	which, is := isTemplates(argument)
	if !is {
		return "", nil, fmt.Errorf("%s: %w", argument, errNotTemplates)
	}
	found, err := findRollout(ctx, kube, []string{argument})
	switch {
	case err == nil:
		which = found.Spec.Templates
	case !errors.Is(err, errNoRollout) || which == "":
		return "", nil, err
	}
	for i := range stored {
		digits := stored[i].Labels[templates.LabelStored]
		if strings.HasPrefix(digits, strings.TrimPrefix(which, "sha256:")) {
			files, err := templates.UnpackStored(&stored[i])
			return "sha256:" + digits, files, err
		}
	}
	return "", nil, fmt.Errorf("%s: %w", argument, errNotStored)
}
