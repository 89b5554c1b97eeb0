package workloads

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// podList is the pods of an NpuDeploy. If a quota rejects pods, the list is empty and ready has the
// reason.
type podList struct {
	Ready readiness `json:"ready" doc:"the NpuDeploy's own condition Ready"`
	Total int       `json:"total" doc:"number of pods; the newest 500 are listed"`
	Pods  []pod     `json:"pods" doc:"the newest first"`
}

type readiness struct {
	State   status.State `json:"state" enum:"Error,Degraded,Pending,Starting,Ready,ScaledDown" doc:"the conditions in one word, as in lists"`
	Status  string       `json:"status" enum:"True,False,Unknown" doc:"status of the condition"`
	Reason  string       `json:"reason" doc:"in one word"`
	Message string       `json:"message" doc:"in a sentence"`
}

type pod struct {
	Name       string           `json:"name" doc:"name of the pod"`
	Node       string           `json:"node,omitempty" doc:"absent until the pod is scheduled"`
	Group      *int32           `json:"group,omitempty" doc:"number of its group of pods, which is a replica on several nodes; absent outside of groups"`
	Role       string           `json:"role,omitempty" enum:"leader,worker,head,prefill,decode,picker" doc:"in its group, in its RayCluster, with prefill, or of the endpoint picker, which is no server; absent otherwise"`
	Phase      string           `json:"phase" enum:"Pending,Running,Succeeded,Failed,Unknown" doc:"phase of the pod"`
	Ready      bool             `json:"ready" doc:"the pod serves"`
	Restarts   int32            `json:"restarts" doc:"of all its containers"`
	Created    time.Time        `json:"created" doc:"time of creation"`
	Scheduled  time.Time        `json:"scheduled,omitzero" doc:"time at which it got its node; absent before"`
	Deleting   bool             `json:"deleting,omitempty" doc:"the pod is being deleted"`
	Devices    map[string]int64 `json:"devices" doc:"the extended resources that the pod requests, by name"`
	Containers []container      `json:"containers" doc:"init containers come first"`
	Reason     string           `json:"reason" doc:"Ready, or why the pod is not ready: a reason of the condition Available"`
	Message    string           `json:"message,omitempty" doc:"the reason in a sentence"`
}

type container struct {
	Name     string    `json:"name" doc:"name of the container"`
	Image    string    `json:"image" doc:"as in the pod's spec"`
	Ready    bool      `json:"ready" doc:"the container passes its probes"`
	Restarts int32     `json:"restarts" doc:"number of restarts"`
	State    string    `json:"state" enum:"Waiting,Running,Terminated" doc:"state of the container"`
	Reason   string    `json:"reason,omitempty" doc:"Kubernetes' reason why it waits or has terminated"`
	Pulled   time.Time `json:"pulled,omitzero" doc:"last time at which the kubelet reported that its image was on the node, by an event; absent without one: Kubernetes keeps events for an hour"`
	Started  time.Time `json:"started,omitzero" doc:"time of its last start; absent before the first, and while it waits"`
	LastExit *exit     `json:"lastExit,omitempty" doc:"absent if it has never ended"`
}

// exit is the last end of a container.
type exit struct {
	Reason   string    `json:"reason" doc:"Kubernetes' reason: Error, OOMKilled, Completed"`
	ExitCode int32     `json:"exitCode" doc:"as Kubernetes reports it: 128 and more are signals"`
	Finished time.Time `json:"finished,omitzero" doc:"time of the end"`
}

func (h *Handlers) podsRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "listPods", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/pods", Summary: "List the pods of an NpuDeploy, and why they are not ready",
			Returns: rest.JSON(podList{}), Status: http.StatusOK,
		},
		Needs: ownedNeeds(rest.Need{Verb: "list", Resource: "events"}), Handler: h.pods,
	}
}

func (h *Handlers) pods(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	owned, err := readOwned(r, user)
	if err != nil {
		return err
	}
	diagnoses, err := h.diagnose(r, user, owned)
	if err != nil {
		return err
	}
	pulls, err := pullsOf(r, user, owned)
	if err != nil {
		return err
	}
	response := podList{Ready: readinessOf(owned.deploy), Total: owned.total, Pods: make([]pod, len(owned.pods))}
	for i := range owned.pods {
		response.Pods[i] = newPod(&owned.pods[i], diagnoses[owned.pods[i].UID], pulls[owned.pods[i].UID])
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}

// diagnose returns why pods are not ready, by UID. Events, which the user must be allowed to
// read, explain much of it.
func (h *Handlers) diagnose(r *http.Request, user *kube.UserClient, owned *ownedObjects) (map[types.UID]status.Outcome, error) {
	placement, err := scheduling.Context(r.Context(), h.cluster.Reader(), owned.deploy, owned.deploy.Status.Accelerator, owned.pods)
	if err != nil {
		return nil, err
	}
	warnings := map[types.UID][]corev1.Event{}
	err = listEvents(r, user, func(event *corev1.Event) {
		if pod := event.InvolvedObject.UID; owned.uids[pod] {
			warnings[pod] = append(warnings[pod], *event)
		}
	}, client.MatchingFields{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"})
	diagnoses := make(map[types.UID]status.Outcome, len(owned.pods))
	for i := range owned.pods {
		pod := owned.pods[i]
		diagnoses[pod.UID] = status.Diagnose(owned.deploy, pod, warnings[pod.UID], placement)
	}
	return diagnoses, err
}

// containerTimes are times by the names of a pod's containers.
type containerTimes map[string]time.Time

// reasonPulled is that of the kubelet's event about an image that it has pulled, or found on its node.
const reasonPulled = "Pulled"

// pullsOf returns when the images of the pods were last on their nodes, by UID and container. Kubernetes
// has no field for it.
func pullsOf(r *http.Request, user *kube.UserClient, owned *ownedObjects) (map[types.UID]containerTimes, error) {
	pulls := map[types.UID]containerTimes{}
	err := listEvents(r, user, func(event *corev1.Event) {
		pod, container := event.InvolvedObject.UID, containerOf(event)
		if !owned.uids[pod] || container == "" {
			return
		}
		if pulls[pod] == nil {
			pulls[pod] = containerTimes{}
		}
		if at := status.EventTime(event).UTC(); at.After(pulls[pod][container]) {
			pulls[pod][container] = at
		}
	}, client.MatchingFields{"reason": reasonPulled, "involvedObject.kind": "Pod"})
	return pulls, err
}

// containerOf returns the name of the container that the kubelet has recorded an event about, as in
// spec.containers{NAME}, or nothing.
func containerOf(event *corev1.Event) string {
	list, name, _ := strings.Cut(strings.TrimSuffix(event.InvolvedObject.FieldPath, "}"), "{")
	if list != "spec.containers" && list != "spec.initContainers" {
		return ""
	}
	return name
}

func readinessOf(deploy *v1.NpuDeploy) readiness {
	state, _ := status.StateOf(deploy)
	condition := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	if condition == nil {
		return readiness{state, "Unknown", v1.ReasonNotObserved, "the controller has not reconciled it yet"}
	}
	return readiness{state, string(condition.Status), condition.Reason, condition.Message}
}

func newPod(p *corev1.Pod, diagnosis status.Outcome, pulls containerTimes) pod {
	response := pod{
		Name: p.Name, Node: p.Spec.NodeName, Phase: string(p.Status.Phase), Ready: diagnosis.Reason == v1.ReasonReady,
		Created: p.CreationTimestamp.UTC(), Scheduled: scheduledAt(p), Deleting: p.DeletionTimestamp != nil,
		Devices: devicesOf(p), Reason: diagnosis.Reason, Message: diagnosis.Message,
	}
	response.Group, response.Role = groupOf(p)
	add := func(c corev1.Container, statuses []corev1.ContainerStatus) {
		container := container{Name: c.Name, Image: c.Image, State: "Waiting", Pulled: pulls[c.Name]}
		for i := range statuses {
			if statuses[i].Name == c.Name {
				container.setStatus(&statuses[i])
			}
		}
		response.Restarts += container.Restarts
		response.Containers = append(response.Containers, container)
	}
	for _, c := range p.Spec.InitContainers {
		add(c, p.Status.InitContainerStatuses)
	}
	for _, c := range p.Spec.Containers {
		add(c, p.Status.ContainerStatuses)
	}
	return response
}

// scheduledAt returns the time at which the pod got its node, or zero.
func scheduledAt(p *corev1.Pod) time.Time {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.UTC()
		}
	}
	return time.Time{}
}

func (c *container) setStatus(status *corev1.ContainerStatus) {
	c.Ready, c.Restarts = status.Ready, status.RestartCount
	if ended := cmp.Or(status.State.Terminated, status.LastTerminationState.Terminated); ended != nil {
		c.LastExit = &exit{ended.Reason, ended.ExitCode, ended.FinishedAt.UTC()}
	}
	switch state := status.State; {
	case state.Running != nil:
		c.State, c.Started = "Running", state.Running.StartedAt.UTC()
	case state.Terminated != nil:
		c.State, c.Reason, c.Started = "Terminated", state.Terminated.Reason, state.Terminated.StartedAt.UTC()
	case state.Waiting != nil:
		c.Reason = state.Waiting.Reason
	}
}

func devicesOf(p *corev1.Pod) map[string]int64 {
	devices := map[string]int64{}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for name := range c.Resources.Requests {
			if isExtendedResource(name) {
				devices[string(name)] = status.Requested(p, name)
			}
		}
	}
	return devices
}

// isExtendedResource reports whether a resource has a domain that is not Kubernetes'.
func isExtendedResource(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), "kubernetes.io/")
}
