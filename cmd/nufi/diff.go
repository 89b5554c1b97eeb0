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

	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func newDiffCommand() *cobra.Command {
	var input inputFlags
	var cluster clusterFlags
	cmd := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Compare the manifests of NpuDeploys with a cluster",
		Long: `Compare the manifests that NpuDeploys render to with the objects of a cluster. The API
server merges each manifest in a dry run, as it does when the controller applies it, so that
the result includes its defaults and its admission. NpuDeploys follow the Project of their
namespace, that of the files or that of the cluster. Nothing is written.

The exit code is 0 if nothing differs, 1 if something does, 2 if an error occurred.`,
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
	settings := func(namespace string) (render.ProjectSettings, error) {
		return liveSettings(cmd.Context(), kube, namespace)
	}
	err := input.eachWith(cmd, settings, func(result *render.Manifests) error {
		for _, object := range result.Objects {
			differs, err := diffObject(cmd.Context(), kube, object, cmd.OutOrStdout())
			if err != nil {
				return fmt.Errorf("comparing %s/%s: %w", strings.ToLower(object.GetKind()), object.GetName(), err)
			}
			different = different || differs
		}
		return nil
	})
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return &exitError{code: exitFailure}
	case err != nil:
		return err
	case different:
		return &exitError{code: exitDifferent}
	}
	return nil
}

// diffObject writes a unified diff from the live object to the result of an apply.
func diffObject(ctx context.Context, kube client.Client, manifest *unstructured.Unstructured, w io.Writer) (bool, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(manifest.GroupVersionKind())
	err := kube.Get(ctx, client.ObjectKeyFromObject(manifest), live)
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return false, err
	}
	merged := manifest.DeepCopy()
	keepReplicas(merged, live)
	apply := client.ApplyConfigurationFromUnstructured(merged) // Apply writes the response into merged.
	if err := kube.Apply(ctx, apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(v1.FieldManager)); err != nil {
		return false, err
	}
	before, after, err := withoutServerFields(live, merged)
	if err != nil {
		return false, err
	}
	name := fmt.Sprintf("%s/%s/%s", strings.ToLower(manifest.GetKind()), manifest.GetNamespace(), manifest.GetName())
	delta := diff.Diff("live/"+name, before, "merged/"+name, after)
	_, err = w.Write(delta)
	return len(delta) > 0, err
}

// keepReplicas copies the live number of replicas, unless the manifest has one, as the
// controller does.
func keepReplicas(manifest, live *unstructured.Unstructured) {
	if live == nil || !manifests.IsScalable(manifest.GroupVersionKind()) {
		return
	}
	if _, isSet, _ := unstructured.NestedFieldNoCopy(manifest.Object, "spec", "replicas"); isSet {
		return
	}
	if replicas, ok, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); ok {
		_ = unstructured.SetNestedField(manifest.Object, replicas, "spec", "replicas")
	}
}

// withoutServerFields returns both sides as YAML without the fields that the API server sets,
// and without the owner and the annotation that only the controller sets.
func withoutServerFields(live, merged *unstructured.Unstructured) (before, after []byte, err error) {
	for _, object := range []*unstructured.Unstructured{live, merged} {
		if object == nil {
			continue
		}
		object.SetManagedFields(nil)
		object.SetOwnerReferences(nil)
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations", v1.AnnotationManifest)
		if len(object.GetAnnotations()) == 0 {
			object.SetAnnotations(nil)
		}
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
