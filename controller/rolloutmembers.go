package controller

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// rolloutMember is an NpuDeploy with automatic updates, or one whose manual update is overdue.
type rolloutMember struct {
	rollout.Deploy

	object *v1.NpuDeploy
}

// members returns the NpuDeploys that the rollouts update and that have been rendered. It renders with both sets
// in parallel what it has not rendered yet.
func (r *rollouts) members(ctx context.Context, serving *render.Templates, all []v1.TemplateRollout) ([]rolloutMember, error) {
	deploys, err := listDeploys(ctx, r.cache, metav1.NamespaceAll)
	if err != nil {
		return nil, fmt.Errorf("listing NpuDeploys: %w", err)
	}
	projects, err := listProjects(ctx, r.cache)
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	settings := render.SettingsByNamespace(projects)
	projectLabels := rollout.ProjectLabels(projects)
	hasRollout := currentOf(all, serving.Digest) != nil
	members := make([]rolloutMember, 0, len(deploys))
	for _, deploy := range deploys {
		deploy = r.objects.newest(deploy)
		if !hasRollout && r.isUpdated(deploy, serving) {
			continue
		}
		if deploy.DeletionTimestamp == nil && deploy.Status.Templates != "" && r.isMember(deploy, serving, all) {
			members = append(members, rolloutMember{object: deploy})
		}
	}
	latest := rollout.LatestOf(all)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range members {
		m := &members[i]
		group.Go(func() error { return r.describe(ctx, m, serving, settings[m.object.Namespace], latest) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range members {
		members[i].ProjectLabels = projectLabels[members[i].Namespace]
	}
	return members, nil
}

// isUpdated reports whether an NpuDeploy has the serving set without an assignment, so that no rollout has to update it.
func (r *rollouts) isUpdated(deploy *v1.NpuDeploy, serving *render.Templates) bool {
	return deploy.Status.Templates == serving.Digest && r.deploys.unrecorded.of(deploy) == nil
}

// isMember reports whether the rollouts update an NpuDeploy: updates are automatic or overdue, or an overdue one
// was assigned the serving set, or by a rollout that did not complete.
func (r *rollouts) isMember(deploy *v1.NpuDeploy, serving *render.Templates, all []v1.TemplateRollout) bool {
	if !rollout.IsManual(deploy, serving.Catalogue) || rollout.IsOverdue(deploy, serving.Catalogue, r.clock.Now()) {
		return true
	}
	return rollout.KeepsAssignment(deploy) && slices.ContainsFunc(all, func(assigned v1.TemplateRollout) bool {
		return assigned.Name == deploy.Status.Rollout.Name && (assigned.Spec.Templates == serving.Digest || !rollout.IsComplete(&assigned))
	})
}

// nextOverdue returns when the next manual update becomes overdue, or zero.
func (r *rollouts) nextOverdue(ctx context.Context, serving *render.Templates) (time.Time, error) {
	var next time.Time
	if serving.Catalogue.Change.ManualLimit() == 0 {
		return next, nil
	}
	deploys, err := listDeploys(ctx, r.cache, metav1.NamespaceAll)
	if err != nil {
		return next, fmt.Errorf("listing NpuDeploys: %w", err)
	}
	for _, deploy := range deploys {
		joins := rollout.JoinsWavesAt(deploy, serving.Catalogue)
		if joins.After(r.clock.Now()) && (next.IsZero() || joins.Before(next)) {
			next = joins
		}
	}
	return next, nil
}

// describe sets the Deploy of a member, with the devices that a pod requests.
func (r *rollouts) describe(
	ctx context.Context, m *rolloutMember, serving *render.Templates, settings render.ProjectSettings, latest rollout.Latest,
) error {
	deploy := m.object
	set, err := r.deploys.templatesOf(ctx, deploy, settings, serving)
	if err != nil {
		return err
	}
	impact, devices := r.deploys.impacts.get(deploy, settings, set, r.deploys.renders.objectsOf(deploy.UID, set.reportedInput(deploy, settings)))
	assignment := r.deploys.unrecorded.of(deploy)
	m.Deploy = rollout.Deploy{
		Namespace: deploy.Namespace, Name: deploy.Name, Labels: deploy.Labels,
		Templates: set.digest, Earlier: set.digest, Applied: deploy.Status.Templates,
		Effect: impact.Effect, Assignment: assignment,
	}
	if rollout.IsManual(deploy, serving.Catalogue) {
		m.Overdue = rollout.RequestOf(deploy)
	}
	if latest.IsHalted(set.digest) && assignment != nil {
		m.Earlier = assignment.From
	} else if set.isLost() {
		m.Earlier = ""
	}
	m.Ready, m.Available = conditionOf(deploy, v1.ConditionReady), conditionOf(deploy, v1.ConditionAvailable)
	if m.Manifests = conditionOf(deploy, v1.ConditionRendered); m.Manifests.IsTrue {
		m.Manifests = conditionOf(deploy, v1.ConditionApplied)
	}
	if m.Devices = devices; !m.Ready.IsTrue && !m.Available.IsTrue || devices == nil {
		m.Devices = requestedDevices(deploy)
	}
	return nil
}

func conditionOf(deploy *v1.NpuDeploy, kind string) rollout.Condition {
	condition := meta.FindStatusCondition(deploy.Status.Conditions, kind)
	if condition == nil {
		return rollout.Condition{}
	}
	return rollout.Condition{IsTrue: condition.Status == metav1.ConditionTrue, Reason: condition.Reason, Since: condition.LastTransitionTime.Time}
}

// requestedDevices returns the devices that the pods of an NpuDeploy request, or nil.
func requestedDevices(deploy *v1.NpuDeploy) *rollout.Devices {
	accelerator := deploy.Status.Accelerator
	if accelerator == nil {
		return nil
	}
	devices := &rollout.Devices{Resource: accelerator.ResourceName, PerPod: int64(accelerator.Count)}
	if server := deploy.Spec.InferenceServer; server != nil {
		devices.NodeSelector = map[string]string{}
		for label, value := range server.NodeSelector {
			devices.NodeSelector[label] = string(value)
		}
	}
	return devices
}

// withHeldDevices returns the Deploys of members, with the devices that their pods have.
func (r *rollouts) withHeldDevices(ctx context.Context, members []rolloutMember) ([]rollout.Deploy, error) {
	deploys := make([]rollout.Deploy, len(members))
	for i := range members {
		deploys[i] = members[i].Deploy
		if requested := deploys[i].Devices; requested != nil {
			var err error
			if deploys[i].Devices, err = r.heldDevices(ctx, members[i].object, *requested); err != nil {
				return nil, err
			}
		}
	}
	return deploys, nil
}

// heldDevices adds the devices that pods of an NpuDeploy have, and the number of pods that wait for a node.
func (r *rollouts) heldDevices(ctx context.Context, deploy *v1.NpuDeploy, devices rollout.Devices) (*rollout.Devices, error) {
	pods, err := indexed(ctx, r.cache, indexDeploy(), &corev1.Pod{}, deploy)
	if err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", client.ObjectKeyFromObject(deploy), err)
	}
	for i := range pods {
		switch pod := &pods[i]; {
		case status.HasEnded(pod):
		case pod.Spec.NodeName == "":
			devices.Waiting++
		default:
			devices.Held = append(devices.Held, rollout.Held{
				Node: pod.Spec.NodeName, Count: status.Requested(pod, corev1.ResourceName(devices.Resource)),
			})
		}
	}
	return &devices, nil
}

// nodes returns the ready nodes, with the devices of NpuDeploys that no pod has.
func (r *rollouts) nodes(ctx context.Context, deploys []rollout.Deploy) ([]rollout.Node, error) {
	resources := map[string]bool{}
	for i := range deploys {
		if devices := deploys[i].Devices; devices != nil {
			resources[devices.Resource] = true
		}
	}
	if len(resources) == 0 {
		return nil, nil
	}
	var list corev1.NodeList
	if err := r.cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var nodes []rollout.Node
	for i := range list.Items {
		node := &list.Items[i]
		if node.Spec.Unschedulable || !status.ReadinessOf(node).Ready {
			continue
		}
		free, err := scheduling.Free(ctx, r.cache, node, slices.Collect(maps.Keys(resources)))
		if err != nil {
			return nil, err
		}
		if len(free) > 0 {
			nodes = append(nodes, rollout.Node{Name: node.Name, Labels: node.Labels, Free: free})
		}
	}
	return nodes, nil
}
