package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
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
the result includes its defaults and its admission. Objects that the controller would delete,
because they are no longer rendered, are shown if the user may list them. NpuDeploys follow the
Project of their namespace, that of the files or that of the cluster. Nothing is written.

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
		differs, err := diffDeleted(cmd.Context(), kube, result.Objects, cmd.OutOrStdout())
		different = different || differs
		return err
	})
	_, isExit := errors.AsType[*exitError](err)
	switch {
	case isExit:
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
	return !bytes.Equal(before, after), writeDiff(w, manifest, before, after)
}

// diffDeleted writes the objects of the owner of manifests that the controller applied and would delete. Kinds that
// are not installed, or that the user may not list, are left out.
func diffDeleted(ctx context.Context, kube client.Client, objects []*unstructured.Unstructured, w io.Writer) (bool, error) {
	ownerKind, label, owner, namespace := v1.Kind, v1.LabelDeploy, objects[0].GetLabels()[v1.LabelDeploy], objects[0].GetNamespace()
	if objects[0].GetKind() == "Namespace" {
		ownerKind, label, owner, namespace = v1.KindProject, v1.LabelProject, objects[0].GetName(), objects[0].GetName()
	}
	// A namespace may have objects of thousands of owners.
	own := client.MatchingLabels{label: owner}
	differs := false
	for _, kind := range manifests.KindsOf(ownerKind) {
		live := &unstructured.UnstructuredList{}
		live.SetGroupVersionKind(kind)
		err := kube.List(ctx, live, client.InNamespace(namespace), own)
		if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return differs, fmt.Errorf("listing objects of kind %s: %w", kind.Kind, err)
		}
		for i := range live.Items {
			object := &live.Items[i]
			if !isAppliedFor(object, ownerKind, owner) || isAmong(objects, object) {
				continue
			}
			differs = true
			before, _, err := withoutServerFields(object, nil)
			if err != nil {
				return differs, err
			}
			if err := writeDiff(w, object, before, nil); err != nil {
				return differs, err
			}
		}
	}
	return differs, nil
}

func isAmong(objects []*unstructured.Unstructured, object *unstructured.Unstructured) bool {
	return slices.ContainsFunc(objects, func(other *unstructured.Unstructured) bool {
		return other.GroupVersionKind() == object.GroupVersionKind() && other.GetName() == object.GetName()
	})
}

// isAppliedFor reports whether the controller applied an object for its owner.
func isAppliedFor(object *unstructured.Unstructured, ownerKind, owner string) bool {
	controller := metav1.GetControllerOfNoCopy(object)
	return controller != nil && controller.Kind == ownerKind && controller.Name == owner && object.GetDeletionTimestamp() == nil &&
		slices.ContainsFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == v1.FieldManager })
}

func writeDiff(w io.Writer, object *unstructured.Unstructured, before, after []byte) error {
	name := fmt.Sprintf("%s/%s/%s", strings.ToLower(object.GetKind()), object.GetNamespace(), object.GetName())
	_, err := w.Write(diff.Diff("live/"+name, before, "merged/"+name, after))
	return err
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

// withoutServerFields returns both sides, of which one may be nil, as YAML without the fields that the API server
// sets, and without the owner and the annotation that only the controller sets.
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
	if merged != nil {
		after, err = yaml.Marshal(merged.Object)
	}
	return before, after, err
}
