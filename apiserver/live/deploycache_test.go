package live_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/live"
)

// deploy returns an NpuDeploy as a reflector stores it.
func deploy(name, version string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy",
		"metadata": map[string]any{
			"namespace": "n", "name": name, "resourceVersion": version,
			"managedFields": []any{map[string]any{"manager": "kubectl"}},
		},
		"spec": map[string]any{"model": "org/model", "futureField": int64(1)},
	}}
}

// newDeployCache returns a cache after a list of a and b at version 10.
func newDeployCache(t *testing.T) *live.DeployCache {
	t.Helper()
	deploys := &live.DeployCache{}
	must(t, deploys.Store().Replace([]any{deploy("b", "7"), deploy("a", "9")}, "10"))
	return deploys
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// eventsAfter formats the events after a version: type, name, and the id of the frame, if any.
func eventsAfter(t *testing.T, deploys *live.DeployCache, version string) []string {
	t.Helper()
	position, ok := deploys.PositionAfter(version)
	if !ok {
		return []string{"unknown"}
	}
	events, _, _, ok := deploys.EventsSince(position)
	if !ok {
		return []string{"dropped"}
	}
	formatted := []string{}
	for _, event := range events {
		first, _, _ := strings.Cut(string(event.Frame()), "\n")
		id, _ := strings.CutPrefix(first, "id: ")
		if strings.Contains(string(event.FrameWithoutID()), "id: ") || id == first && !strings.HasPrefix(first, "event: ") {
			t.Errorf("the frame is %s", event.Frame())
		}
		formatted = append(formatted, strings.TrimSpace(event.Type+" "+event.Deploy.Name+" "+strings.TrimPrefix(id, "event: "+event.Type)))
	}
	return formatted
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func contentOf(deploys *live.DeployCache) string {
	now, _ := deploys.Snapshot()
	var names []string
	for _, deploy := range now.Deploys {
		names = append(names, deploy.Name+deploy.ResourceVersion)
	}
	return strings.Join(names, " ") + " at " + now.Version
}

func TestEventsAreInOrder(t *testing.T) {
	t.Parallel()
	deploys := newDeployCache(t)
	store := deploys.Store()
	must(t, store.Add(deploy("c", "11")), store.Update(deploy("a", "12")), store.Delete(deploy("b", "13")), store.Bookmark("15"))
	want(t, "all", contentOf(deploys), "a12 c11 at 15")
	want(t, "from the list on", eventsAfter(t, deploys, "10"), []string{"ADDED c 11", "MODIFIED a 12", "DELETED b 13"})
	want(t, "after an event", eventsAfter(t, deploys, "12"), []string{"DELETED b 13"})
	want(t, "after the last", eventsAfter(t, deploys, "13"), []string{})
	want(t, "after a bookmark", eventsAfter(t, deploys, "15"), []string{})
	for _, version := range []string{"9", "16", "100", "", "0", "x", "-1", "012"} {
		want(t, "after "+version, eventsAfter(t, deploys, version), []string{"unknown"})
	}
}

// A reflector lists again after a gap in its watch.
func TestListAfterAGapBecomesEvents(t *testing.T) {
	t.Parallel()
	deploys := newDeployCache(t)
	store := deploys.Store()
	must(t, store.Add(deploy("x", "11")), store.Add(deploy("y", "12")),
		store.Replace([]any{deploy("d", "19"), deploy("a", "18"), deploy("b", "7")}, "20"))
	want(t, "all", contentOf(deploys), "a18 b7 d19 at 20")
	// A reader that disconnects between the two deletions receives both again.
	want(t, "events", eventsAfter(t, deploys, "12"), []string{"MODIFIED a 18", "ADDED d 19", "DELETED x", "DELETED y 20"})
	want(t, "after the list", eventsAfter(t, deploys, "20"), []string{})
	must(t, store.Replace([]any{deploy("d", "19"), deploy("a", "18"), deploy("b", "7")}, "25"))
	want(t, "nothing happened", eventsAfter(t, deploys, "20"), []string{})
}

func TestRestoredClusterResetsTheHistory(t *testing.T) {
	t.Parallel()
	deploys := newDeployCache(t)
	position, _ := deploys.PositionAfter("10")
	must(t, deploys.Store().Replace([]any{deploy("a", "3")}, "5"))
	want(t, "all", contentOf(deploys), "a3 at 5")
	if _, _, _, ok := deploys.EventsSince(position); ok {
		t.Error("a position from before the reset is valid")
	}
	want(t, "a version from before", eventsAfter(t, deploys, "10"), []string{"unknown"})
	want(t, "the new one", eventsAfter(t, deploys, "5"), []string{})
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	deploys := newDeployCache(t)
	position, _ := deploys.PositionAfter("10")
	for i := range live.MaxEvents + 1 {
		must(t, deploys.Store().Update(deploy("a", strconv.Itoa(11+i))))
	}
	if _, _, _, ok := deploys.EventsSince(position); ok {
		t.Error("a position before the history is valid")
	}
	want(t, "a version before the history", eventsAfter(t, deploys, "10"), []string{"unknown"})
	if got := len(eventsAfter(t, deploys, "11")); got != live.MaxEvents {
		t.Errorf("%d events are left, want %d", got, live.MaxEvents)
	}
}

func TestSnapshotIsImmutable(t *testing.T) {
	t.Parallel()
	deploys := newDeployCache(t)
	store := deploys.Store()
	before, changed := deploys.Snapshot()
	must(t, store.Update(deploy("a", "11")), store.Delete(deploy("b", "12")), store.Add(deploy("0", "13")))
	<-changed
	if got := before.Deploys[0].ResourceVersion + before.Deploys[1].Name; len(before.Deploys) != 2 || got != "9b" {
		t.Errorf("the snapshot has become %v", got)
	}
	want(t, "all", contentOf(deploys), "013 a11 at 13")
	if _, changed := deploys.Snapshot(); changed == nil {
		t.Error("the channel is nil")
	}
}

func TestListAfterSelectsANamespace(t *testing.T) {
	t.Parallel()
	deploys := &live.DeployCache{}
	var all []any
	for _, key := range []string{"a/x", "b/x", "b/y", "b/z", "b-c/x", "c/x"} {
		namespace, name, _ := strings.Cut(key, "/")
		object := deploy(name, "1")
		object.SetNamespace(namespace)
		all = append(all, object)
	}
	must(t, deploys.Store().Replace(all, "10"))
	now, _ := deploys.Snapshot()
	for query, names := range map[[3]string]string{
		{"b"}: "b/x b/y b/z", {"b", "b", "x"}: "b/y b/z", {"b", "b", "z"}: "", {"b", "c", "x"}: "", {"b", "a", "x"}: "b/x b/y b/z",
		{"b", "b", "xx"}: "b/y b/z", {"d"}: "", {"", "b", "z"}: "b-c/x c/x", {"a"}: "a/x",
	} {
		var formatted []string
		for _, deploy := range now.ListAfter(query[0], live.Key{Namespace: query[1], Name: query[2]}) {
			formatted = append(formatted, deploy.Namespace+"/"+deploy.Name)
		}
		want(t, strings.Join(query[:], " "), strings.Join(formatted, " "), names)
	}
}

func TestJSONOmitsManagedFields(t *testing.T) {
	t.Parallel()
	now, _ := newDeployCache(t).Snapshot()
	text := string(now.Deploys[0].JSON)
	if !strings.Contains(text, `"futureField":1`) || strings.Contains(text, "managedFields") || strings.Contains(text, "\n") {
		t.Errorf("the JSON is %s", text)
	}
}
