package live_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/live"
)

// deploy is an NpuDeploy of a version, as a reflector hands it over.
func deploy(name, version string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy",
		"metadata": map[string]any{
			"namespace": "n", "name": name, "resourceVersion": version,
			"managedFields": []any{map[string]any{"manager": "somebody"}},
		},
		"spec": map[string]any{"model": "org/model", "ofTomorrow": int64(1)},
	}}
}

// told is Deploys after a list of a and b at version 10.
func told(t *testing.T) *live.DeployCache {
	t.Helper()
	deploys := &live.DeployCache{}
	done(t, deploys.Filling().Replace([]any{deploy("b", "7"), deploy("a", "9")}, "10"))
	return deploys
}

func done(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// after are the events after a version: type, name, and id if the frame has one.
func after(t *testing.T, deploys *live.DeployCache, version string) []string {
	t.Helper()
	position, ok := deploys.PositionAfter(version)
	if !ok {
		return []string{"unknown"}
	}
	events, _, _, ok := deploys.EventsSince(position)
	if !ok {
		return []string{"forgotten"}
	}
	found := []string{}
	for _, event := range events {
		first, _, _ := strings.Cut(string(event.Frame()), "\n")
		id, _ := strings.CutPrefix(first, "id: ")
		if strings.Contains(string(event.FrameWithoutID()), "id: ") || id == first && !strings.HasPrefix(first, "event: ") {
			t.Errorf("the frame is %s", event.Frame())
		}
		found = append(found, strings.TrimSpace(event.Type+" "+event.Deploy.Name+" "+strings.TrimPrefix(id, "event: "+event.Type)))
	}
	return found
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func known(deploys *live.DeployCache) string {
	now, _ := deploys.Snapshot()
	var names []string
	for _, deploy := range now.Deploys {
		names = append(names, deploy.Name+deploy.ResourceVersion)
	}
	return strings.Join(names, " ") + " at " + now.Version
}

func TestWhatHappensIsToldOnceAndInOrder(t *testing.T) {
	t.Parallel()
	deploys := told(t)
	fill := deploys.Filling()
	done(t, fill.Add(deploy("c", "11")), fill.Update(deploy("a", "12")), fill.Delete(deploy("b", "13")), fill.Bookmark("15"))
	want(t, "all", known(deploys), "a12 c11 at 15")
	want(t, "from the list on", after(t, deploys, "10"), []string{"ADDED c 11", "MODIFIED a 12", "DELETED b 13"})
	want(t, "after an event", after(t, deploys, "12"), []string{"DELETED b 13"})
	want(t, "after the last", after(t, deploys, "13"), []string{})
	want(t, "after a bookmark", after(t, deploys, "15"), []string{})
	for _, version := range []string{"9", "16", "100", "", "0", "x", "-1", "012"} {
		want(t, "after "+version, after(t, deploys, version), []string{"unknown"})
	}
}

// A reflector lists again after a gap in its watch.
func TestAGapIsToldAsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	deploys := told(t)
	fill := deploys.Filling()
	done(t, fill.Add(deploy("x", "11")), fill.Add(deploy("y", "12")),
		fill.Replace([]any{deploy("d", "19"), deploy("a", "18"), deploy("b", "7")}, "20"))
	want(t, "all", known(deploys), "a18 b7 d19 at 20")
	// Who is cut off between the two deletions is told both again.
	want(t, "events", after(t, deploys, "12"), []string{"MODIFIED a 18", "ADDED d 19", "DELETED x", "DELETED y 20"})
	want(t, "after the list", after(t, deploys, "20"), []string{})
	done(t, fill.Replace([]any{deploy("d", "19"), deploy("a", "18"), deploy("b", "7")}, "25"))
	want(t, "nothing happened", after(t, deploys, "20"), []string{})
}

func TestAClusterThatWasPutBackIsReadAnew(t *testing.T) {
	t.Parallel()
	deploys := told(t)
	position, _ := deploys.PositionAfter("10")
	done(t, deploys.Filling().Replace([]any{deploy("a", "3")}, "5"))
	want(t, "all", known(deploys), "a3 at 5")
	if _, _, _, ok := deploys.EventsSince(position); ok {
		t.Error("a position from before is still known")
	}
	want(t, "a version from before", after(t, deploys, "10"), []string{"unknown"})
	want(t, "the new one", after(t, deploys, "5"), []string{})
}

func TestTheHistoryIsBounded(t *testing.T) {
	t.Parallel()
	deploys := told(t)
	position, _ := deploys.PositionAfter("10")
	for i := range live.MaxEvents + 1 {
		done(t, deploys.Filling().Update(deploy("a", strconv.Itoa(11+i))))
	}
	if _, _, _, ok := deploys.EventsSince(position); ok {
		t.Error("a reader who is behind by too much is not told so")
	}
	want(t, "a version before the history", after(t, deploys, "10"), []string{"unknown"})
	if got := len(after(t, deploys, "11")); got != live.MaxEvents {
		t.Errorf("%d events are left, want %d", got, live.MaxEvents)
	}
}

func TestWhatAReaderHoldsDoesNotChange(t *testing.T) {
	t.Parallel()
	deploys := told(t)
	fill := deploys.Filling()
	before, changed := deploys.Snapshot()
	done(t, fill.Update(deploy("a", "11")), fill.Delete(deploy("b", "12")), fill.Add(deploy("0", "13")))
	<-changed
	if got := before.Deploys[0].ResourceVersion + before.Deploys[1].Name; len(before.Deploys) != 2 || got != "9b" {
		t.Errorf("what was read has become %v", got)
	}
	want(t, "all", known(deploys), "013 a11 at 13")
	if _, changed := deploys.Snapshot(); changed == nil {
		t.Error("there is nothing to wait for")
	}
}

func TestANamespaceIsAPieceOfAll(t *testing.T) {
	t.Parallel()
	deploys := &live.DeployCache{}
	var all []any
	for _, key := range []string{"a/x", "b/x", "b/y", "b/z", "b-c/x", "c/x"} {
		namespace, name, _ := strings.Cut(key, "/")
		object := deploy(name, "1")
		object.SetNamespace(namespace)
		all = append(all, object)
	}
	done(t, deploys.Filling().Replace(all, "10"))
	now, _ := deploys.Snapshot()
	for asked, names := range map[[3]string]string{
		{"b"}: "b/x b/y b/z", {"b", "b", "x"}: "b/y b/z", {"b", "b", "z"}: "", {"b", "c", "x"}: "", {"b", "a", "x"}: "b/x b/y b/z",
		{"b", "b", "xx"}: "b/y b/z", {"d"}: "", {"", "b", "z"}: "b-c/x c/x", {"a"}: "a/x",
	} {
		var found []string
		for _, deploy := range now.ListAfter(asked[0], live.Key{Namespace: asked[1], Name: asked[2]}) {
			found = append(found, deploy.Namespace+"/"+deploy.Name)
		}
		want(t, strings.Join(asked[:], " "), strings.Join(found, " "), names)
	}
}

func TestTheJSONHasAllButManagedFields(t *testing.T) {
	t.Parallel()
	now, _ := told(t).Snapshot()
	text := string(now.Deploys[0].JSON)
	if !strings.Contains(text, `"ofTomorrow":1`) || strings.Contains(text, "managedFields") || strings.Contains(text, "\n") {
		t.Errorf("the JSON is %s", text)
	}
}
