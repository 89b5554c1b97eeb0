package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podsResponse is what these tests compare of a list of pods.
type podsResponse struct {
	Ready struct{ State, Status, Reason, Message string }
	Total int
	Pods  []struct {
		Name, Node, Role, Phase, Reason, Message string
		Ready                                    bool
		Restarts                                 int
		Devices                                  map[string]int
		Containers                               []struct{ Name, Image, State, Reason, Pulled string }
	}
}

func (k *ownedFixture) pods() podsResponse {
	k.Helper()
	var answer podsResponse
	if err := json.Unmarshal(k.do("vic", http.MethodGet, k.name+"/pods", "").Want(http.StatusOK).Body, &answer); err != nil {
		k.Fatal(err)
	}
	return answer
}

func TestPodsReportWhyTheyAreNotReady(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	node := k.node(nil)
	k.pod("a", node, k.set, pulling())
	k.pod("b", node, k.set, running())
	k.pod("c", node, k.set, dead(3, false))
	k.pod("d", "", k.set, corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available: 3 node(s) had untolerated taint. preemption: none",
	}}})
	k.pod("e", "gone", k.set, pulling())
	f := k.pod("f", node, k.set, corev1.PodStatus{Phase: corev1.PodPending})
	kubectl(k.fixture, k.eventOf("Pod", "f", string(f.UID), "FailedMount", "no such secret"), "create", "-f", "-")

	got := k.pods()
	why := map[string][2]string{}
	for _, pod := range got.Pods {
		why[pod.Name] = [2]string{pod.Reason, pod.Message}
		if pod.Ready != (pod.Reason == "Ready") {
			t.Errorf("pod %s is ready: %v, and %s", pod.Name, pod.Ready, pod.Reason)
		}
		if pod.Devices[string(k.device())] != 2 || len(pod.Devices) != 1 || pod.Containers[1].Image != "example.com/vllm:1" {
			t.Errorf("pod %s is listed as %v", pod.Name, pod)
		}
	}
	want := map[string][2]string{
		"a": {"ImagePull", "image example.com/vllm:1 of container server cannot be pulled: no such tag"},
		"b": {"Ready", ""},
		"c": {"CrashLoop", "container server exited with code 3, 0 restarts"},
		"d": {"Unschedulable", "0/3 nodes are available: 3 node(s) had untolerated taint"},
		"e": {"NodeLost", "node gone was deleted"},
		"f": {"ContainerConfig", "a volume cannot be mounted: no such secret"},
	}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Errorf("the pods (-want +got):\n%s", diff)
	}
	if got.Total != 6 || got.Ready.Status != "Unknown" {
		t.Errorf("listed %d pods, Ready %v", got.Total, got.Ready)
	}
}

func TestContainerHasTheTimeOfItsLastPull(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	pod := k.pod("a", k.node(nil), k.set, running())
	const pull = `
apiVersion: v1
kind: Event
metadata: {generateName: pulled-}
involvedObject: {kind: Pod, namespace: %s, name: a, uid: %s, fieldPath: %q}
type: Normal
reason: Pulled
message: Container image already present on machine
lastTimestamp: %q
`
	for _, event := range [][3]string{
		{string(pod.UID), "spec.containers{server}", "2026-03-01T12:02:00Z"},
		{string(pod.UID), "spec.containers{server}", "2026-03-01T12:01:00Z"},
		{string(pod.UID), "", "2026-03-01T12:03:00Z"},
		{string(pod.UID), "spec.ephemeralContainers{proxy}", "2026-03-01T12:03:00Z"},
		{"of-another-pod", "spec.containers{server}", "2026-03-01T12:03:00Z"},
	} {
		kubectl(k.fixture, fmt.Sprintf(pull, k.Namespace, event[0], event[1], event[2]), "create", "-f", "-")
	}
	containers := k.pods().Pods[0].Containers
	if containers[0].Pulled != "" || containers[1].Pulled != "2026-03-01T12:02:00Z" {
		t.Errorf("the containers are %v", containers)
	}
}

func TestPodWithoutOurOwnerReferenceIsNotListed(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	k.pod("own", "", k.set, corev1.PodStatus{})
	k.pod("unowned", "", ownedBy("apps/v1", "ReplicaSet", k.set.Name, "another-uid"), corev1.PodStatus{})
	other := newOwned(k.fixture, "other")
	k.pod("of-another", "", other.set, corev1.PodStatus{}) // with our label
	if got := k.pods(); len(got.Pods) != 1 || got.Pods[0].Name != "own" {
		t.Errorf("got %v", got.Pods)
	}
	if got := other.pods(); len(got.Pods) != 0 {
		t.Errorf("the other lists %v", got.Pods)
	}
}

func TestPodsReportReadinessWithoutPods(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	k.setQuotaExceeded()
	got := k.pods()
	if got.Ready.State != "Pending" || got.Ready.Reason != "QuotaExceeded" || got.Ready.Message != "exceeded quota" || got.Pods == nil {
		t.Errorf("got %v", got)
	}
	log := k.do("vic", http.MethodGet, "home/logs", "").Want(http.StatusNotFound).Problem()
	if log.Detail != "the NpuDeploy has no pods: QuotaExceeded: exceeded quota" {
		t.Errorf("the log is rejected with %q", log.Detail)
	}
}

// setQuotaExceeded writes the status of an NpuDeploy whose pods a quota rejects.
func (k *ownedFixture) setQuotaExceeded() {
	k.Helper()
	kubectl(k.fixture, "", "patch", "npudeploy", k.name, "--subresource=status", "--type=merge", "-p", `{"status": {"replicas": 0, "readyReplicas": 0,
		"conditions": [{"type": "Ready", "status": "False", "reason": "QuotaExceeded", "message": "exceeded quota", "lastTransitionTime": "2026-03-01T12:00:00Z"}]}}`)
}

func TestWorkloadsNameTheMissingPermission(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	k := newOwned(s, "home") // ann may read NpuDeploys here, and nothing else
	for _, path := range []string{"home/pods", "home/events", "home/logs"} {
		missing := k.do("ann", http.MethodGet, path, "").Want(http.StatusForbidden).Problem().Missing
		if missing == nil || missing.Verb != "list" || missing.Resource != "deployments" {
			t.Errorf("%s: %v is missing", path, missing)
		}
		k.do("bob", http.MethodGet, path, "").Want(http.StatusForbidden)
	}
}

func TestUnschedulablePodReportsFreeDevices(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	node := k.node(nil)
	for _, name := range []string{"a", "b", "c", "d"} {
		k.pod(name, node, k.set, running())
	}
	k.pod("waits", "", k.set, corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available: 1 Insufficient " + string(k.device()) + ", 2 node(s) had untolerated taint.",
	}}})
	kubectl(k.fixture, "", "patch", "npudeploy", k.name, "--subresource=status", "--type=merge", "-p",
		`{"status": {"replicas": 5, "readyReplicas": 4, "accelerator": {"type": "atom", "count": 2, "resourceName": "`+string(k.device())+`"}}}`)
	want := "2 " + string(k.device()) + " requested, 8 allocatable, 8 in use, 0 free on the best of 1 node"
	k.Await("the pods in the cache", func() bool {
		for _, pod := range k.pods().Pods {
			if pod.Name == "waits" && pod.Reason == "NoFreeDevice" && pod.Message == want {
				return true
			}
		}
		return false
	})
}

// The pod of the endpoint picker has its own label and is no server: it is last, although it is the newest.
func TestPickerIsListedAfterTheServers(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	server := k.pod("server", k.node(nil), k.set, running())
	picker := map[string]string{"dudaji.com/picker": k.name}
	set := k.deployment(k.name+"-epp", picker)
	forged := set
	forged.UID = "forged"
	for name, owner := range map[string]metav1.OwnerReference{"picker": set, "forged": forged} {
		pod := &corev1.Pod{ObjectMeta: k.meta(name, owner), Spec: k.spec("")}
		pod.Labels = picker
		_, err := k.admin.CoreV1().Pods(k.Namespace).Create(k.Context(), pod, metav1.CreateOptions{})
		k.Must(err)
	}
	got := k.pods()
	if got.Total != 2 || len(got.Pods) != 2 || got.Pods[0].Name != server.Name || got.Pods[1].Name != "picker" || got.Pods[1].Role != "picker" {
		t.Errorf("listed %d pods: %+v", got.Total, got.Pods)
	}
}
