package controller

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// impactCache keeps the impact of the serving set on each NpuDeploy.
type impactCache struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]cachedImpact
}

type cachedImpact struct {
	uid     types.UID
	input   renderInput
	impact  plan.Impact
	devices *rollout.Devices // of the serving set
}

func newImpactCache() *impactCache {
	return &impactCache{byName: map[types.NamespacedName]cachedImpact{}}
}

// get computes the impact if its input changed. current are the manifests of the used set, or nil.
func (c *impactCache) get(
	deploy *v1.NpuDeploy, settings render.ProjectSettings, set usedSet, current *apply.ObjectSet,
) (plan.Impact, *rollout.Devices) {
	name := client.ObjectKeyFromObject(deploy)
	input := set.reportedInput(deploy, settings)
	c.mu.Lock()
	cached := c.byName[name]
	c.mu.Unlock()
	if cached.uid == deploy.UID && cached.input == input {
		return cached.impact, cached.devices
	}
	isOfServing := cached.uid == deploy.UID && cached.input.serving == input.serving && cached.input.generation == input.generation
	if isOfServing && set.digest == input.serving {
		return plan.Impact{Effect: render.None}, cached.devices // It was assigned.
	}
	impact, devices := set.impact(deploy, settings, current)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName[name] = cachedImpact{deploy.UID, input, impact, devices}
	return impact, devices
}

func (c *impactCache) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byName, name)
}

// devicesOf returns the devices that the pods of a Deployment request while they are replaced, or nil.
func devicesOf(result *render.Result) *rollout.Devices {
	if result == nil || result.Resolved.Accelerator == nil {
		return nil
	}
	accelerator := result.Resolved.Accelerator
	var devices *rollout.Devices
	for _, object := range result.Objects {
		switch object.GroupVersionKind() {
		case manifests.LeaderWorkerSet():
			return devicesOfGroups(object, accelerator)
		case manifests.RayService():
			return devicesOfRay(object, accelerator)
		case manifests.Deployment():
			var deployment appsv1.Deployment
			if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment) == nil {
				devices = addDeployment(devices, &deployment, accelerator)
			}
		}
	}
	return devices
}

// addDeployment adds the pods that a Deployment has in addition while it is updated. With prefill, the pods of both
// roles may differ: each counts as one with the devices of the larger.
func addDeployment(devices *rollout.Devices, deployment *appsv1.Deployment, accelerator *v1.AcceleratorStatus) *rollout.Devices {
	limit := status.Limit(deployment.Spec.Template.Spec, corev1.ResourceName(accelerator.ResourceName))
	var surge *intstr.IntOrString
	if rolling := deployment.Spec.Strategy.RollingUpdate; rolling != nil {
		surge = rolling.MaxSurge
	}
	if devices == nil {
		devices = &rollout.Devices{
			Resource: accelerator.ResourceName, PerPod: int64(accelerator.Count), NodeSelector: deployment.Spec.Template.Spec.NodeSelector,
		}
	} else if limit == 0 {
		return devices // An endpoint picker has none.
	}
	devices.PerPod = max(devices.PerPod, limit)
	devices.Surge += surgeOf(surge, deployment.Spec.Replicas)
	return devices
}

// devicesOfGroups is devicesOf for a LeaderWorkerSet, of which each group has as many pods as the
// accelerator has nodes.
func devicesOfGroups(set *unstructured.Unstructured, accelerator *v1.AcceleratorStatus) *rollout.Devices {
	var fields struct {
		Spec struct {
			Replicas        *int32 `json:"replicas"`
			RolloutStrategy struct {
				RollingUpdateConfiguration struct {
					MaxSurge *intstr.IntOrString `json:"maxSurge"`
				} `json:"rollingUpdateConfiguration"`
			} `json:"rolloutStrategy"`
			LeaderWorkerTemplate struct {
				WorkerTemplate corev1.PodTemplateSpec `json:"workerTemplate"`
			} `json:"leaderWorkerTemplate"`
		} `json:"spec"`
	}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(set.Object, &fields) != nil {
		return nil
	}
	groups := surgeOf(fields.Spec.RolloutStrategy.RollingUpdateConfiguration.MaxSurge, fields.Spec.Replicas)
	return &rollout.Devices{
		Resource: accelerator.ResourceName, PerPod: int64(accelerator.Count), Surge: groups * int(accelerator.Nodes),
		NodeSelector: fields.Spec.LeaderWorkerTemplate.WorkerTemplate.Spec.NodeSelector,
	}
}

// devicesOfRay is devicesOf for a RayService: a change makes a second cluster.
func devicesOfRay(object *unstructured.Unstructured, accelerator *v1.AcceleratorStatus) *rollout.Devices {
	service, err := status.NewRayService(object)
	if err != nil {
		return nil
	}
	devices := &rollout.Devices{Resource: accelerator.ResourceName, PerPod: int64(accelerator.Count), Surge: service.Workers()}
	if groups := service.Spec.RayClusterConfig.WorkerGroupSpecs; len(groups) > 0 {
		devices.NodeSelector = groups[0].Template.Spec.NodeSelector
	}
	return devices
}

// surgeOf returns the number of replicas that a rolling update has in addition.
func surgeOf(surge *intstr.IntOrString, replicas *int32) int {
	if surge == nil {
		return 0
	}
	desired := int(ptr.Deref(replicas, 1))
	more, err := intstr.GetScaledValueFromIntOrPercent(surge, desired, true)
	if err != nil {
		return 0
	}
	return min(more, desired)
}
