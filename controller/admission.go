package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
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
	// admissionTimeout bounds one reading, for which the status waits: Kueue's conversion webhook may not respond.
	admissionTimeout = 5 * time.Second
)

// admission returns why a queue of Kueue has not admitted the pods, or "". The rest of the status does not depend on it:
// it is written without the reason while that cannot be read.
func (k *deployKind) admission(ctx context.Context, deploy *v1.NpuDeploy, workload status.Workload) string {
	uid, since := workload.Queued()
	if uid == "" {
		return ""
	}
	bounded, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	reason, err := k.firstPending(bounded, deploy.Namespace, uid)
	delay := nextAdmission(reason, k.clock.Since(since))
	switch {
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
		return "" // An earlier version of Kueue, or none.
	case apierrors.IsForbidden(err):
		reason, delay = "the controller may not list workloads of Kueue", admissionDelay
	case err != nil:
		logr.FromContextOrDiscard(ctx).Info("Could not read workloads of Kueue", "error", err.Error())
		delay = admissionDelay
	}
	k.queue.addWith(priorityqueue.AddOpts{After: delay}, client.ObjectKeyFromObject(deploy))
	return reason
}

// nextAdmission returns the delay before the reason is read again.
func nextAdmission(reason string, waited time.Duration) time.Duration {
	if reason == "" && waited < admissionDelay {
		return unknownDelay
	}
	return admissionDelay
}

// firstPending returns why the first workload by name that is not admitted is not, or "". Kueue's Workloads are not
// cached: each contains the templates of its pods.
func (k *deployKind) firstPending(ctx context.Context, namespace string, uid types.UID) (string, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "kueue.x-k8s.io", Version: "v1beta2", Kind: "WorkloadList"})
	if err := k.direct.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{"kueue.x-k8s.io/job-uid": string(uid)}); err != nil {
		return "", err
	}
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	for i := range list.Items {
		workload, err := status.NewQueuedWorkload(&list.Items[i])
		if err != nil {
			return "", err
		}
		if reason := workload.Pending(); reason != "" {
			return reason, nil
		}
	}
	return "", nil
}
