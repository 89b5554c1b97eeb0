package controller

import (
	"cmp"
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// projectChanged has those NpuDeploys reconciled that a change of a Project concerns.
func (r *reconciler) projectChanged() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workQueue) {
			if !e.IsInInitialList { // At the start, all are reconciled anyway.
				r.enqueueConcerned(ctx, nil, e.Object, queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workQueue) {
			r.enqueueConcerned(ctx, e.ObjectOld, e.ObjectNew, queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workQueue) {
			r.enqueueConcerned(ctx, e.Object, nil, queue)
		},
	}
}

// enqueueConcerned adds all deployments when hosts change hands, and those of the
// namespace when what they follow changes.
func (r *reconciler) enqueueConcerned(ctx context.Context, before, after client.Object, queue workQueue) {
	old, _ := before.(*v1.Project)
	project, _ := after.(*v1.Project)
	var namespace string
	switch {
	case !slices.Equal(suffixesOf(old), suffixesOf(project)):
		namespace = metav1.NamespaceAll
	case render.SettingsOf(old) != render.SettingsOf(project):
		namespace = cmp.Or(project, old).Name
	default:
		return
	}
	concerned, err := r.deploys.in(ctx, namespace)
	if err != nil {
		return // The informer has not begun: all are reconciled then.
	}
	urgency := urgencyStatus
	for i := range concerned {
		enqueue(queue, priorityqueue.AddOpts{Priority: &urgency}, client.ObjectKeyFromObject(&concerned[i]))
	}
}

func suffixesOf(project *v1.Project) []v1.HostSuffix {
	if project == nil {
		return nil
	}
	return project.Spec.HostSuffixes
}
