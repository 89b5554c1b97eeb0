package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// podList is what an NpuDeploy runs. Where a quota refuses pods there are none, and only
// ready tells.
type podList struct {
	Ready verdict `json:"ready" doc:"the NpuDeploy's own condition Ready"`
	Total int     `json:"total" doc:"how many pods there are; the newest 500 are told"`
	Pods  []pod   `json:"pods" doc:"the newest first"`
}

type verdict struct {
	Status  string `json:"status" doc:"True, False or Unknown"`
	Reason  string `json:"reason" doc:"in one word"`
	Message string `json:"message" doc:"in a sentence"`
}

type pod struct {
	Name       string           `json:"name" doc:"its name"`
	Node       string           `json:"node,omitempty" doc:"absent until it has one"`
	Phase      string           `json:"phase" doc:"Pending, Running, Succeeded, Failed or Unknown"`
	Ready      bool             `json:"ready" doc:"it serves"`
	Restarts   int32            `json:"restarts" doc:"of all its containers"`
	Created    time.Time        `json:"created" doc:"when it was made"`
	Deleting   bool             `json:"deleting,omitempty" doc:"it is on its way out"`
	Devices    map[string]int64 `json:"devices" doc:"the extended resources that it holds or waits for"`
	Containers []container      `json:"containers" doc:"those that run once come first"`
	Reason     string           `json:"reason" doc:"Ready, or why it is not: a reason of the condition Available"`
	Message    string           `json:"message,omitempty" doc:"the reason in a sentence"`
}

type container struct {
	Name     string `json:"name" doc:"its name"`
	Image    string `json:"image" doc:"as the pod asks for it"`
	Ready    bool   `json:"ready" doc:"it passes its probes"`
	Restarts int32  `json:"restarts" doc:"how often it was started again"`
	State    string `json:"state" doc:"Waiting, Running or Terminated"`
	Reason   string `json:"reason,omitempty" doc:"why it waits or has ended, in Kubernetes' word"`
}

func (a *API) podsRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: pathOne + "/pods", Summary: "List the pods of an NpuDeploy, and why they are not ready",
			Answers: jsonOf(podList{}), Status: http.StatusOK,
		},
		needs: append(familyNeeds(), need{verb: "list", resource: "events"}), serve: a.pods,
	}
}

func (a *API) pods(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	found, err := familyOf(r, user)
	if err != nil {
		return err
	}
	why, err := a.diagnoses(r, user, found)
	if err != nil {
		return err
	}
	answer := podList{Ready: readyOf(found.deploy), Total: found.total, Pods: make([]pod, len(found.pods))}
	for i := range found.pods {
		answer.Pods[i] = view(&found.pods[i], why[found.pods[i].UID])
	}
	return writeJSON(w, http.StatusOK, answer)
}

// diagnoses are why pods are not ready. Events explain much of it, and they are the
// person's own to read.
func (a *API) diagnoses(r *http.Request, user *kube.UserClient, f *family) (map[types.UID]status.Outcome, error) {
	placement, err := scheduling.Context(r.Context(), a.options.Live.Reader(), f.deploy, f.deploy.Status.Accelerator, f.pods)
	if err != nil {
		return nil, err
	}
	warnings := map[types.UID][]corev1.Event{}
	err = eachPage(r.Context(), user, emptyEvents, func(page *corev1.EventList) {
		for i := range page.Items {
			if pod := page.Items[i].InvolvedObject.UID; f.uids[pod] {
				warnings[pod] = append(warnings[pod], page.Items[i])
			}
		}
	}, client.InNamespace(mux.Vars(r)["namespace"]),
		client.MatchingFields{"type": corev1.EventTypeWarning, "involvedObject.kind": "Pod"})
	why := make(map[types.UID]status.Outcome, len(f.pods))
	for i := range f.pods {
		pod := f.pods[i]
		why[pod.UID] = status.Diagnose(f.deploy, pod, warnings[pod.UID], placement)
	}
	return why, err
}

func readyOf(deploy *v1.NpuDeploy) verdict {
	condition := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
	if condition == nil {
		return verdict{"Unknown", v1.ReasonNotObserved, "the controller has not looked at it yet"}
	}
	return verdict{string(condition.Status), condition.Reason, condition.Message}
}

func view(p *corev1.Pod, why status.Outcome) pod {
	seen := pod{
		Name: p.Name, Node: p.Spec.NodeName, Phase: string(p.Status.Phase), Ready: why.Reason == v1.ReasonReady,
		Created: p.CreationTimestamp.UTC(), Deleting: p.DeletionTimestamp != nil,
		Devices: devicesOf(p), Reason: why.Reason, Message: why.Message,
	}
	add := func(c corev1.Container, statuses []corev1.ContainerStatus) {
		one := container{Name: c.Name, Image: c.Image, State: "Waiting"}
		for i := range statuses {
			if statuses[i].Name == c.Name {
				one.observe(&statuses[i])
			}
		}
		seen.Restarts += one.Restarts
		seen.Containers = append(seen.Containers, one)
	}
	for _, c := range p.Spec.InitContainers {
		add(c, p.Status.InitContainerStatuses)
	}
	for _, c := range p.Spec.Containers {
		add(c, p.Status.ContainerStatuses)
	}
	return seen
}

func devicesOf(p *corev1.Pod) map[string]int64 {
	devices := map[string]int64{}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for name := range c.Resources.Requests {
			if isDevice(name) {
				devices[string(name)] = status.Requested(p, name)
			}
		}
	}
	return devices
}

func (c *container) observe(status *corev1.ContainerStatus) {
	c.Ready, c.Restarts = status.Ready, status.RestartCount
	switch state := status.State; {
	case state.Running != nil:
		c.State = "Running"
	case state.Terminated != nil:
		c.State, c.Reason = "Terminated", state.Terminated.Reason
	case state.Waiting != nil:
		c.Reason = state.Waiting.Reason
	}
}

// isDevice holds for an extended resource: Kubernetes' own have no domain, or its own.
func isDevice(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), "kubernetes.io/")
}
