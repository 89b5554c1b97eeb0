package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/heap"
)

func TestManifestIsUnpackedAsItWasPacked(t *testing.T) {
	t.Parallel()
	var packer packer
	for _, body := range []string{`{"kind":"Service","port":80}`, `{"kind":"Service","port":81}`, `{}`, strings.Repeat("long", 20_000)} {
		if got, err := packer.pack("Service", []byte(body)).unpack(); err != nil || !bytes.Equal(got, []byte(body)) {
			t.Errorf("%.50s: got %.50s, %v", body, got, err)
		}
	}
}

// Annotations and labels may have any name.
func TestUpdateHasNoResourceVersion(t *testing.T) {
	t.Parallel()
	texts := map[string]any{"a": `x],"resourceVersion":"1"`, "resourceVersion": "1"}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web", "annotations": texts},
		"data": map[string]any{"list": `],"resourceVersion":"1"`},
	}}
	desired, err := newManifest(DeployOwner(&v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "1"}}), object)
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range []types.UID{"", "2"} {
		var creation, update unstructured.Unstructured
		body, err := desired.body()
		if err == nil {
			err = json.Unmarshal(body, &creation.Object)
		}
		if err == nil {
			body, err = desired.updateBody(uid)
		}
		if err == nil {
			err = json.Unmarshal(body, &update.Object)
		}
		if err != nil {
			t.Fatal(err)
		}
		creation.SetResourceVersion("")
		creation.SetUID(uid)
		if !equality.Semantic.DeepEqual(creation, update) || update.GetAnnotations()["resourceVersion"] != "1" {
			t.Errorf("update %s\nof %v", body, creation)
		}
	}
}

// A set that was rendered just now and one that was kept compare in the same way with what the API server stored.
func TestPackedSetHasTheRenderedFields(t *testing.T) {
	t.Parallel()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "web", "annotations": map[string]any{"a": "1"}},
		"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}, "selector": map[string]any{}},
	}}
	before := object.DeepCopy()
	set, err := NewObjectSet(DeployOwner(&v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "1"}}), []*unstructured.Unstructured{object})
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := set.manifests[0].fields()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := set.Packed().manifests[0].fields()
	if delta := cmp.Diff(rendered, packed); err != nil || delta != "" {
		t.Errorf("%v (-rendered +packed):\n%s", err, delta)
	}
	if delta := cmp.Diff(before, object); delta != "" {
		t.Errorf("the object was modified:\n%s", delta)
	}
}

// Measured with Go 1.26: 1,090 bytes. The manifests alone have 7,000.
func TestObjectSetRetainsFewBytes(t *testing.T) {
	manifests, err := os.ReadFile("../../examples/full/manifests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	newSet := func(i int) *ObjectSet {
		name := fmt.Sprintf("server-%04d", i)
		var objects []*unstructured.Unstructured
		for document := range strings.SplitSeq(strings.ReplaceAll(string(manifests), "llama-8b", name), "\n---\n") {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
				t.Fatal(err)
			}
			objects = append(objects, object)
		}
		deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: objects[0].GetNamespace(), Name: name, UID: types.UID(name)}}
		set, err := NewObjectSet(DeployOwner(deploy), objects)
		if err != nil {
			t.Fatal(err)
		}
		return set.Packed()
	}
	const count = 200
	sets := []*ObjectSet{newSet(0)} // What all share.
	before := heap.InUse()
	for i := range count {
		sets = append(sets, newSet(i))
	}
	got := (heap.InUse() - before) / count
	runtime.KeepAlive(sets)
	if got > 1400 {
		t.Errorf("%d bytes for %d objects", got, len(sets[0].manifests))
	}
}
