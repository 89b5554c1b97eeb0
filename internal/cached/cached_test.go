package cached

import (
	"fmt"
	"runtime"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/test/harness/heap"
)

const many = 10_000

func byOwner() Index {
	return Index{Name: "owner", Keys: func(object client.Object) []string { return []string{object.GetLabels()["owner"]} }}
}

// fill returns an indexer with many objects. Each has a key of its own.
func fill(tb testing.TB, indexers toolscache.Indexers) toolscache.Indexer {
	tb.Helper()
	indexer := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, indexers)
	for i := range many {
		name := fmt.Sprintf("server-%04d", i)
		object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, Labels: map[string]string{"owner": "owner-" + name}}}
		if err := indexer.Add(object); err != nil {
			tb.Fatal(err)
		}
	}
	return indexer
}

func TestObjectsAreFoundByTheirKeysAlone(t *testing.T) {
	t.Parallel()
	indexer := fill(t, byOwner().indexers())
	for i := range many {
		name := fmt.Sprintf("server-%04d", i)
		found, err := find[*metav1.PartialObjectMetadata](indexer, byOwner(), "owner-"+name)
		if err != nil || len(found) != 1 || found[0].Name != name {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
	}
	if found, err := find[*metav1.PartialObjectMetadata](indexer, byOwner(), "another"); err != nil || len(found) > 0 {
		t.Errorf("another: %v, %v", found, err)
	}
}

// Measured with Go 1.26: 55 bytes. With a set for each key it is 300, and 670 with two.
func TestIndexRetainsFewBytesForEachKey(t *testing.T) {
	plain := retained(t, func() any { return fill(t, nil) })
	if got := (retained(t, func() any { return fill(t, byOwner().indexers()) }) - plain) / many; got > 100 {
		t.Errorf("%d bytes", got)
	}
}

func retained(tb testing.TB, build func() any) int64 {
	tb.Helper()
	before := heap.InUse()
	built := build()
	after := heap.InUse()
	runtime.KeepAlive(built)
	return after - before
}

func TestEqualContainersAreShared(t *testing.T) {
	t.Parallel()
	server := func(devices string) []corev1.Container {
		limits := corev1.ResourceList{"rebellions.ai/npu": resource.MustParse(devices)}
		return Containers([]corev1.Container{{Name: "server", Resources: corev1.ResourceRequirements{Limits: limits}}})
	}
	if one, two := server("1"), server("2"); &one[0] != &server("1")[0] || &one[0] == &two[0] {
		t.Error("containers with one device are not the same, or those with two are")
	}
}
