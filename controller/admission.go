package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// +kubebuilder:rbac:groups=kueue.x-k8s.io,resources=workloads,verbs=list

// admissionDelay is the delay before the reason that a queue admits nothing is read again, and unknownDelay the one while
// Kueue may not have acted yet.
const (
	unknownDelay   = time.Second
	admissionDelay = 15 * time.Second
)

// admission returns why a queue of Kueue has not admitted the pods, or "". Kueue's Workloads, which have the reason, are
// not cached: each contains the templates of its pods.
func (k *deployKind) admission(ctx context.Context, deploy *v1.NpuDeploy, workload status.Workload) (string, error) {
	uid, since := workload.Queued()
	if uid == "" {
		return "", nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "kueue.x-k8s.io", Version: "v1beta2", Kind: "WorkloadList"})
	err := k.direct.List(ctx, list, client.InNamespace(deploy.Namespace), client.MatchingLabels{"kueue.x-k8s.io/job-uid": string(uid)})
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return "", nil // An earlier version of Kueue, or none.
	}
	var reason string
	switch {
	case apierrors.IsForbidden(err):
		reason = "the controller may not list workloads of Kueue"
	case err != nil:
		return "", fmt.Errorf("listing workloads of Kueue: %w", err)
	default:
		if reason, err = firstPending(list.Items); err != nil {
			return "", err
		}
	}
	k.queue.addWith(priorityqueue.AddOpts{After: nextAdmission(reason, k.clock.Since(since))}, client.ObjectKeyFromObject(deploy))
	return reason, nil
}

// nextAdmission returns the delay before the reason is read again.
func nextAdmission(reason string, waited time.Duration) time.Duration {
	if reason == "" && waited < admissionDelay {
		return unknownDelay
	}
	return admissionDelay
}

// firstPending returns why the first workload by name that is not admitted is not, or "".
func firstPending(workloads []unstructured.Unstructured) (string, error) {
	slices.SortFunc(workloads, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	for i := range workloads {
		var object struct {
			Status struct {
				Conditions []metav1.Condition `json:"conditions"`
			} `json:"status"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(workloads[i].Object, &object); err != nil {
			return "", fmt.Errorf("reading workload %s of Kueue: %w", workloads[i].GetName(), err)
		}
		if reason := status.Admission(object.Status.Conditions); reason != "" {
			return reason, nil
		}
	}
	return "", nil
}
