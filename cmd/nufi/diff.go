package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newDiffCommand() *cobra.Command {
	var input inputFlags
	var cluster clusterFlags
	cmd := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Compare what NpuDeploys yield with what a cluster has",
		Long: `Compare the manifests that NpuDeploys yield with the objects of a cluster. The API
server merges each manifest in a dry run, as the controller's own apply would, so that
its defaults and its admission are part of the answer. NpuDeploys follow the Project of their
namespace, that of the files or that of the cluster. Nothing is written.

The exit code is 0 if nothing differs, 1 if something does, 2 if the question could not
be answered.`,
		Example: `  nufi diff -f llama-8b.yaml
  nufi diff -f deploys/ --templates .`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kube, err := cluster.client()
			if err != nil {
				return err
			}
			return runDiff(cmd, &input, kube)
		},
	}
	input.add(cmd)
	cluster.add(cmd)
	return cmd
}

func runDiff(cmd *cobra.Command, input *inputFlags, kube client.Client) error {
	different := false
	facts := func(namespace string) (render.ProjectSettings, error) {
		return liveFacts(cmd.Context(), kube, namespace)
	}
	err := input.eachWith(cmd, facts, func(_ document, result *render.Manifests) error {
		for _, object := range result.Objects {
			differs, err := diffObject(cmd.Context(), kube, object, cmd.OutOrStdout())
			if err != nil {
				return fmt.Errorf("comparing %s/%s: %w", strings.ToLower(object.GetKind()), object.GetName(), err)
			}
			different = different || differs
		}
		return nil
	})
	var silent *exitError
	switch {
	case errors.As(err, &silent):
		return &exitError{code: exitTrouble}
	case err != nil:
		return err
	case different:
		return &exitError{code: exitDifferent}
	}
	return nil
}

// diffObject writes a unified diff from the live object to what an apply would make of
// it.
func diffObject(ctx context.Context, kube client.Client, intent *unstructured.Unstructured, w io.Writer) (bool, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(intent.GroupVersionKind())
	err := kube.Get(ctx, client.ObjectKeyFromObject(intent), live)
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return false, err
	}
	merged := intent.DeepCopy()
	keepReplicas(merged, live)
	apply := client.ApplyConfigurationFromUnstructured(merged)
	if err := kube.Apply(ctx, apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(v1.FieldManager)); err != nil {
		return false, err
	}
	before, after, err := withoutServerFields(live, merged)
	if err != nil {
		return false, err
	}
	name := fmt.Sprintf("%s/%s/%s", strings.ToLower(intent.GetKind()), intent.GetNamespace(), intent.GetName())
	delta := diff.Diff("live/"+name, before, "merged/"+name, after)
	_, err = w.Write(delta)
	return len(delta) > 0, err
}

// keepReplicas leaves the number to whoever set it, as the controller's hand-off does.
func keepReplicas(intent, live *unstructured.Unstructured) {
	if live == nil || intent.GetKind() != "Deployment" {
		return
	}
	if _, said, _ := unstructured.NestedFieldNoCopy(intent.Object, "spec", "replicas"); said {
		return
	}
	if replicas, ok, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); ok {
		_ = unstructured.SetNestedField(intent.Object, replicas, "spec", "replicas")
	}
}

// withoutServerFields renders both sides without what the API server keeps for itself, and
// without the owner, which an apply by hand does not know.
func withoutServerFields(live, merged *unstructured.Unstructured) (before, after []byte, err error) {
	for _, object := range []*unstructured.Unstructured{live, merged} {
		if object == nil {
			continue
		}
		object.SetManagedFields(nil)
		object.SetOwnerReferences(nil)
		object.SetResourceVersion("")
		object.SetGeneration(0)
		object.SetUID("")
		object.SetCreationTimestamp(metav1.Time{})
		unstructured.RemoveNestedField(object.Object, "status")
	}
	if live != nil {
		if before, err = yaml.Marshal(live.Object); err != nil {
			return nil, nil, err
		}
	}
	after, err = yaml.Marshal(merged.Object)
	return before, after, err
}
