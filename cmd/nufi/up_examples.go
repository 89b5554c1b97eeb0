package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// applyExamples creates the examples' namespaces and applies their prerequisites and specs.
func (u *up) applyExamples(ctx context.Context, c *cluster.Cluster, kube client.Client) error {
	u.steps.report("applying the examples", "")
	examples, err := u.files("examples/*/prerequisites.yaml", "examples/*/npudeploy.yaml")
	if err != nil {
		return err
	}
	for _, example := range examples {
		if err := createNamespaces(ctx, kube, example); err != nil {
			return fmt.Errorf("applying %s: %w", example, err)
		}
		if err := c.Apply(ctx, example); err != nil {
			return fmt.Errorf("applying %s: %w", example, err)
		}
	}
	return nil
}

// createNamespaces creates the namespaces of a file's objects.
func createNamespaces(ctx context.Context, kube client.Client, path string) error {
	content, err := os.ReadFile(path) //nolint:gosec // A file of the repository.
	if err != nil {
		return err
	}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)); ; {
		var object metav1.PartialObjectMetadata
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if object.Namespace == "" {
			continue
		}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.Namespace}}
		if err := kube.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

// awaitReady waits until every NpuDeploy is ready. After a timeout it returns a line for
// each one that is not, and no error: the cluster is usable.
func (u *up) awaitReady(ctx context.Context, kube client.Client) (notReady []string, err error) {
	limited, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	err = wait.PollUntilContextCancel(limited, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var deploys v1.NpuDeployList
		if err := kube.List(ctx, &deploys); err != nil {
			return false, err
		}
		notReady = describeNotReady(deploys.Items)
		total := len(deploys.Items)
		u.steps.report("waiting for the examples", fmt.Sprintf("%d of %d are ready", total-len(notReady), total))
		return len(notReady) == 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return notReady, nil
	}
	return notReady, err
}

// describeNotReady returns a line with the reason for each NpuDeploy that is not ready.
func describeNotReady(deploys []v1.NpuDeploy) []string {
	var reasons []string
	for _, deploy := range deploys {
		name := deploy.Namespace + "/" + deploy.Name
		ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
		switch {
		case ready == nil || ready.ObservedGeneration < deploy.Generation:
			reasons = append(reasons, name+": not reconciled yet")
		case ready.Status != metav1.ConditionTrue:
			reasons = append(reasons, strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", name, ready.Reason, ready.Message), ": "))
		}
	}
	return reasons
}
