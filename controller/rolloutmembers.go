package controller

import (
	"context"
	"fmt"
	"runtime"

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

// rolloutMember is an NpuDeploy with automatic updates.
type rolloutMember struct {
	rollout.Deploy

	object *v1.NpuDeploy
}

// members returns the NpuDeploys with automatic updates that have been rendered. It renders with
// both sets in parallel what it has not rendered yet.
func (r *rollouts) members(ctx context.Context, serving *render.Templates, halted map[string]bool) ([]rolloutMember, error) {
	deploys, err := listDeploys(ctx, r.cache, metav1.NamespaceAll)
	if err != nil {
		return nil, fmt.Errorf("listing NpuDeploys: %w", err)
	}
	projects, err := listProjects(ctx, r.cache)
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	settings := render.SettingsByNamespace(projects)
	var members []rolloutMember
	for i := range deploys {
		deploy := r.objects.newest(&deploys[i])
		if deploy.DeletionTimestamp == nil && deploy.Status.Templates != "" && !isManual(deploy, serving) {
			members = append(members, rolloutMember{object: deploy})
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range members {
		m := &members[i]
		group.Go(func() error { return r.describe(ctx, m, serving, settings[m.object.Namespace], halted) })
	}
	return members, group.Wait()
}

// describe sets the Deploy of a member.
func (r *rollouts) describe(
	ctx context.Context, m *rolloutMember, serving *render.Templates, settings render.ProjectSettings, halted map[string]bool,
) error {
	deploy := m.object
	set, err := r.deploys.templatesOf(ctx, deploy, serving)
	if err != nil {
		return err
	}
	impact, devices := r.deploys.impacts.get(deploy, settings, set)
	m.Deploy = rollout.Deploy{
		Namespace: deploy.Namespace, Name: deploy.Name, Labels: deploy.Labels,
		Templates: set.digest, Earlier: set.digest, Applied: deploy.Status.Templates,
		Effect: impact.Effect, Assignment: deploy.Status.Rollout,
	}
	if halted[set.digest] && deploy.Status.Rollout != nil {
		m.Earlier = deploy.Status.Rollout.From
	}
	if ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady); ready != nil {
		m.IsReady, m.Reason, m.Since = ready.Status == metav1.ConditionTrue, ready.Reason, ready.LastTransitionTime.Time
	}
	if !m.IsReady {
		devices = requestedDevices(deploy)
	}
	if devices.resource == "" {
		return nil
	}
	held, err := r.heldDevices(ctx, deploy, corev1.ResourceName(devices.resource))
	m.Devices = map[string]int64{devices.resource: max(0, devices.count-held)}
	return err
}

// requestedDevices returns the devices that all pods of an NpuDeploy request.
func requestedDevices(deploy *v1.NpuDeploy) deviceCount {
	accelerator := deploy.Status.Accelerator
	if accelerator == nil {
		return deviceCount{}
	}
	replicas := int32(1)
	if server := deploy.Spec.InferenceServer; server != nil && server.Replicas != nil {
		replicas = *server.Replicas
	}
	return deviceCount{accelerator.ResourceName, int64(accelerator.Count) * int64(replicas)}
}

// heldDevices returns the devices that pods of an NpuDeploy have.
func (r *rollouts) heldDevices(ctx context.Context, deploy *v1.NpuDeploy, resource corev1.ResourceName) (int64, error) {
	var pods corev1.PodList
	err := r.cache.List(ctx, &pods, client.InNamespace(deploy.Namespace), client.MatchingFields{indexDeploy: deploy.Name},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return 0, fmt.Errorf("listing the pods of %s: %w", client.ObjectKeyFromObject(deploy), err)
	}
	held := int64(0)
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Spec.NodeName != "" && !status.HasEnded(pod) {
			held += status.Requested(pod, resource)
		}
	}
	return held, nil
}

// freeDevices returns the devices of ready nodes that no pod has, by resource.
func (r *rollouts) freeDevices(ctx context.Context, deploys []rollout.Deploy) (map[string]int64, error) {
	free := map[string]int64{}
	for i := range deploys {
		for resource := range deploys[i].Devices {
			free[resource] = 0
		}
	}
	if len(free) == 0 {
		return free, nil
	}
	var nodes corev1.NodeList
	if err := r.cache.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	for resource := range free {
		devices, err := status.CountDevices(&v1.NpuDeploy{}, corev1.ResourceName(resource), nodes.Items,
			func(node string) ([]corev1.Pod, error) { return scheduling.PodsOn(ctx, r.cache, node) })
		if err != nil {
			return nil, fmt.Errorf("counting devices: %w", err)
		}
		free[resource] = devices.Allocatable - devices.Requested
	}
	return free, nil
}
