package apply

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

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
		packed, err := packer.pack("Service", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := packer.unpack(packed); err != nil || !bytes.Equal(got, []byte(body)) {
			t.Errorf("%.50s: got %.50s, %v", body, got, err)
		}
	}
}

// Measured with Go 1.26: 1,330 bytes. The manifests alone have 7,000.
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
		return set
	}
	const count = 200
	sets := []*ObjectSet{newSet(0)} // What all share.
	before := heap.InUse()
	for i := range count {
		sets = append(sets, newSet(i))
	}
	got := (heap.InUse() - before) / count
	runtime.KeepAlive(sets)
	if got > 1700 {
		t.Errorf("%d bytes for %d objects", got, len(sets[0].manifests))
	}
}
