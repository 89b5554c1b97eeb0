package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// failingList returns an error for each list.
type failingList struct {
	client.Client

	err error
}

func (l failingList) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return l.err
}

// hangingList does not respond.
type hangingList struct{ client.Client }

func (hangingList) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	<-ctx.Done()
	return ctx.Err()
}

// queued returns a workload whose pod waits for a queue.
func queued() status.Workload {
	return status.Workload{Pods: []corev1.Pod{{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", UID: "1", Labels: map[string]string{status.LabelQueue: "gpus"}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated},
		}},
	}}}
}

func TestStatusNeedsNoWorkloadsOfKueue(t *testing.T) {
	t.Parallel()
	workloads := schema.GroupResource{Group: "kueue.x-k8s.io", Resource: "workloads"}
	for name, c := range map[string]struct {
		err    error
		reason string
		logs   int
	}{
		"not installed": {err: &meta.NoKindMatchError{}},
		"uninstalled":   {err: apierrors.NewNotFound(workloads, "")},
		"forbidden":     {err: apierrors.NewForbidden(workloads, "", nil), reason: "the controller may not list workloads of Kueue"},
		"no conversion": {err: apierrors.NewInternalError(errors.New("conversion webhook failed")), logs: 1},
	} {
		var logs int
		ctx := logr.NewContext(t.Context(), funcr.New(func(string, string) { logs++ }, funcr.Options{}))
		k := &deployKind{direct: failingList{err: c.err}, queue: &queue{}, clock: clock.RealClock{}}
		if reason := k.admission(ctx, &v1.NpuDeploy{}, queued()); reason != c.reason || logs != c.logs {
			t.Errorf("%s: %q, %d logs", name, reason, logs)
		}
	}
}

func TestStatusDoesNotWaitForWorkloadsOfKueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, start := &deployKind{direct: hangingList{}, queue: &queue{}, clock: clock.RealClock{}}, time.Now()
		if reason := k.admission(t.Context(), &v1.NpuDeploy{}, queued()); reason != "" || time.Since(start) != admissionTimeout {
			t.Errorf("%q after %s", reason, time.Since(start))
		}
	})
}

func TestReasonOfAQueueIsReadOftenOnlyAtFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		waited time.Duration
		want   time.Duration
	}{
		{waited: time.Second, want: unknownDelay},
		{waited: time.Hour, want: admissionDelay}, // Kueue does not run, or has another label.
		{reason: "insufficient quota", waited: time.Second, want: admissionDelay},
	} {
		if got := nextAdmission(c.reason, c.waited); got != c.want {
			t.Errorf("%q after %s: %s, want %s", c.reason, c.waited, got, c.want)
		}
	}
}
