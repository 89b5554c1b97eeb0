// Package cached reduces the memory of informers' caches. Objects share equal values (Shared), and an index has a fixed
// number of sets instead of one for each key (Index).
package cached

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// buckets is the number of sets of an index. With ten thousand objects, each set has ten.
const buckets = 1024

// Index finds cached objects by keys that few of them have, such as the UID of an owner. An index of controller-runtime
// takes 670 bytes for each key, for two sets of names. Here, all keys with the same hash share a set, and Find compares
// the keys.
type Index struct {
	Name string
	// Keys returns the keys of an object.
	Keys func(client.Object) []string
}

// Add adds the index to the informer of a kind, before that starts or later.
func (i Index) Add(ctx context.Context, informers cache.Informers, kind client.Object) error {
	informer, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	return informer.AddIndexers(i.indexers())
}

func (i Index) indexers() toolscache.Indexers {
	return toolscache.Indexers{i.Name: func(object any) ([]string, error) {
		cached, ok := object.(client.Object)
		if !ok {
			return nil, fmt.Errorf("%T is not an object", object)
		}
		return bucketsOf(i.Keys(cached)), nil
	}}
}

func bucketsOf(keys []string) []string {
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		names = append(names, bucketOf(key))
	}
	return names
}

func bucketOf(key string) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(key))%buckets), 36)
}

// Find returns the cached objects of a kind that have the key. They are shared: callers must not modify them.
func Find[T client.Object](ctx context.Context, informers cache.Informers, kind T, index Index, key string) ([]T, error) {
	indexer, err := Indexer(ctx, informers, kind)
	if err != nil {
		return nil, err
	}
	return find[T](indexer, index, key)
}

func find[T client.Object](indexer toolscache.Indexer, index Index, key string) ([]T, error) {
	objects, err := indexer.ByIndex(index.Name, bucketOf(key))
	if err != nil {
		return nil, err
	}
	var found []T
	for _, object := range objects {
		if object, ok := object.(T); ok && slices.Contains(index.Keys(object), key) {
			found = append(found, object)
		}
	}
	return found, nil
}

// Indexer returns the cached objects of a kind. It is an error if the informer has not listed them yet.
func Indexer(ctx context.Context, informers cache.Informers, kind client.Object) (toolscache.Indexer, error) {
	informer, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	shared, ok := informer.(toolscache.SharedIndexInformer)
	if !ok || !shared.HasSynced() {
		return nil, errors.New("the informer has not started")
	}
	return shared.GetIndexer(), nil
}
