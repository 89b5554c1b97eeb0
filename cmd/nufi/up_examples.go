package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// applyExamples creates the examples' namespaces, applies their prerequisites and specs, and
// returns the names of their NpuDeploys.
func (u *up) applyExamples(ctx context.Context, c *cluster.Cluster, kube client.Client) (sets.Set[types.NamespacedName], error) {
	u.steps.report("applying the examples", "")
	examples, err := u.files("examples/*/prerequisites.yaml", "examples/*/npudeploy.yaml", "examples/*/project.yaml")
	if err != nil {
		return nil, err
	}
	deploys := sets.New[types.NamespacedName]()
	for _, example := range examples {
		if addon := addonOf(example); addon != "" && !slices.Contains(u.with, addon) {
			continue
		}
		objects, err := readObjects(example)
		if err == nil {
			err = createNamespaces(ctx, kube, objects)
		}
		if err == nil {
			err = c.Apply(ctx, example)
		}
		if err != nil {
			return nil, fmt.Errorf("applying %s: %w", example, err)
		}
		for i := range objects {
			if objects[i].Kind == v1.Kind {
				deploys.Insert(keyOf(&objects[i]))
			}
		}
	}
	return deploys, nil
}

// addonOf returns the addon that a file of an example needs, or "".
func addonOf(example string) string {
	switch filepath.Base(filepath.Dir(example)) {
	case "multi-node":
		return string(cluster.LWS)
	case "disaggregated":
		return string(cluster.Inference)
	case "ray":
		return string(cluster.KubeRay)
	case "quota":
		return string(cluster.Kueue)
	}
	return ""
}

// keyOf returns an object's namespace and name: kubectl creates an object without a namespace in
// the default one.
func keyOf(object client.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(object.GetNamespace(), metav1.NamespaceDefault), Name: object.GetName()}
}

// readObjects reads the metadata of a file's objects.
func readObjects(path string) ([]metav1.PartialObjectMetadata, error) {
	content, err := os.ReadFile(path) //nolint:gosec // A file of the repository.
	if err != nil {
		return nil, err
	}
	var objects []metav1.PartialObjectMetadata
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)); ; {
		var object metav1.PartialObjectMetadata
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// createNamespaces creates the namespaces of objects.
func createNamespaces(ctx context.Context, kube client.Client, objects []metav1.PartialObjectMetadata) error {
	for i := range objects {
		if objects[i].Namespace == "" {
			continue
		}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: objects[i].Namespace}}
		if err := kube.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// awaitReady waits until the examples are ready. After that, or a timeout, it returns a line for
// each NpuDeploy that is not, and no error: the cluster is usable.
func (u *up) awaitReady(ctx context.Context, kube client.Client, examples sets.Set[types.NamespacedName]) (notReady []string, err error) {
	limited, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	err = wait.PollUntilContextCancel(limited, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var deploys v1.NpuDeployList
		if err := kube.List(ctx, &deploys); err != nil {
			return false, err
		}
		notReady = nil
		ready := 0
		for i := range deploys.Items {
			reason := describeNotReady(&deploys.Items[i])
			if reason != "" {
				notReady = append(notReady, reason)
			} else if examples.Has(keyOf(&deploys.Items[i])) {
				ready++
			}
		}
		u.steps.report("waiting for the examples", fmt.Sprintf("%d of %d are ready", ready, examples.Len()))
		return ready == examples.Len(), nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return notReady, nil
	}
	return notReady, err
}

// describeNotReady returns a line with the reason why an NpuDeploy is not ready, or "".
func describeNotReady(deploy *v1.NpuDeploy) string {
	name := deploy.Namespace + "/" + deploy.Name
	ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	switch {
	case ready == nil || ready.ObservedGeneration < deploy.Generation:
		return name + ": not reconciled yet"
	case ready.Status != metav1.ConditionTrue:
		return strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", name, ready.Reason, ready.Message), ": ")
	}
	return ""
}
