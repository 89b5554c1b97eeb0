package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eventOf returns the manifest of an event.
func (k *ownedFixture) eventOf(kind, name, uid, reason, message string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Event
metadata: {generateName: said-}
involvedObject: {kind: %s, namespace: %s, name: %s, uid: %q}
type: Warning
reason: %s
message: %q
`, kind, k.Namespace, name, uid, reason, message)
}

// eventView is one event of the response.
type eventView struct {
	Kind, Name, Reason, Message string
	Count                       int
	First, Last                 string
}

func (k *ownedFixture) events() []eventView {
	k.Helper()
	var response struct{ Events []eventView }
	if err := json.Unmarshal(k.do("vic", http.MethodGet, k.name+"/events", "").Want(http.StatusOK).Body, &response); err != nil {
		k.Fatal(err)
	}
	return response.Events
}

func TestEventsOfOwnedObjectsAreMergedAndSortedByTime(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	pod := k.pod("a", "", k.set, corev1.PodStatus{})
	uid, _ := field(t, k.do("vic", http.MethodGet, "home", ""), "metadata", "uid").(string)
	const forged = "pull failed\n\nevent: end\r<b>"
	for _, text := range []string{
		k.eventOf("NpuDeploy", "home", uid, "Starting", "Ready is False") +
			"firstTimestamp: 2026-03-01T12:00:00Z\nlastTimestamp: 2026-03-01T12:00:00Z\ncount: 1\n",
		k.eventOf("ReplicaSet", k.set.Name, string(k.set.UID), "FailedCreate", "exceeded quota") +
			"firstTimestamp: 2026-03-01T12:00:00Z\nlastTimestamp: 2026-03-01T12:09:00Z\ncount: 9\n",
		k.eventOf("ReplicaSet", k.set.Name, string(k.set.UID), "FailedCreate", "exceeded quota") +
			"firstTimestamp: 2026-03-01T12:08:00Z\nlastTimestamp: 2026-03-01T12:20:00Z\ncount: 2\n",
		k.eventOf("Pod", "a", string(pod.UID), "Failed", forged) +
			"eventTime: 2026-03-01T12:01:00.000000Z\nseries: {count: 3, lastObservedTime: 2026-03-01T12:10:00.000000Z}\n" +
			"reportingComponent: kubelet\nreportingInstance: node\naction: Pull\n",
		k.eventOf("Service", "home", "of a child", "FailedToUpdateEndpoint", "too many ports") +
			"firstTimestamp: 2026-03-01T11:00:00Z\nlastTimestamp: 2026-03-01T11:00:00Z\ncount: 1\n",
		k.eventOf("Pod", "b", "another", "Failed", "of a stranger"),
		k.eventOf("Service", "other", "another", "Failed", "of a stranger"),
	} {
		kubectl(k.fixture, text, "create", "-f", "-")
	}
	want := []eventView{
		{"ReplicaSet", k.set.Name, "FailedCreate", "exceeded quota", 11, "2026-03-01T12:00:00Z", "2026-03-01T12:20:00Z"},
		{"Pod", "a", "Failed", forged, 3, "2026-03-01T12:01:00Z", "2026-03-01T12:10:00Z"},
		{"NpuDeploy", "home", "Starting", "Ready is False", 1, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		{"Service", "home", "FailedToUpdateEndpoint", "too many ports", 1, "2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z"},
	}
	if diff := cmp.Diff(want, k.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Kubernetes returns pages of 500, by name and not by age.
func TestEventsAreLimitedToTheNewest(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	const many = 600
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range many {
		at := metav1.NewTime(begin.Add(time.Duration(i*7%many) * time.Second))
		_, err := k.admin.CoreV1().Events(k.Namespace).Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{GenerateName: "said-"},
			InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", Namespace: k.Namespace, Name: k.set.Name, UID: k.set.UID},
			Message:        at.Format(time.TimeOnly), FirstTimestamp: at, LastTimestamp: at,
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := k.events()
	if len(got) != 500 {
		t.Fatalf("got %d events", len(got))
	}
	for i, event := range got {
		if want := begin.Add(time.Duration(many-1-i) * time.Second).Format(time.TimeOnly); event.Message != want || event.Count != 1 {
			t.Fatalf("event %d is %v, want %s", i, event, want)
		}
	}
}
