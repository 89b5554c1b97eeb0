#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: an informer with functions of its own for list and watch never calls the first, and never syncs.
#
# Expected: NewSharedIndexInformer with a ListWatch, as operators have written it for objects of several clusters, of another API, or with another
# selector: ListFunc, then WatchFunc.
# Observed: the informer only watches, with SendInitialEvents, and waits for a bookmark at the end of the initial events. A WatchFunc that does not pass
# the options on, and a server that ignores the parameter, send none. There is no error: HasSynced stays false, and the list function is not called.
# ToListWatcherWithWatchListSemantics with a client that says so returns to lists.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

type listsOnly struct{}

func (listsOnly) IsWatchListSemanticsUnSupported() bool { return true }

func main() {
	for _, isDeclared := range []bool{false, true} {
		var lists, watches atomic.Int32
		functions := &cache.ListWatch{
			ListFunc: func(metav1.ListOptions) (runtime.Object, error) {
				lists.Add(1)
				list := &corev1.ConfigMapList{Items: []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1"}}}}
				list.ResourceVersion = "1"
				return list, nil
			},
			WatchFunc: func(metav1.ListOptions) (watch.Interface, error) {
				watches.Add(1)
				return watch.NewFake(), nil // Nothing changes.
			},
		}
		var source cache.ListerWatcher = functions
		if isDeclared {
			source = cache.ToListWatcherWithWatchListSemantics(functions, listsOnly{})
		}
		informer := cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, nil)
		stop, timeout := make(chan struct{}), make(chan struct{})
		go informer.Run(stop)
		time.AfterFunc(5*time.Second, func() { close(timeout) })
		isSynced := cache.WaitForCacheSync(timeout, informer.HasSynced)
		fmt.Printf("declared %t: synced %t, lists %d, watches begun %t, cached %q\n", isDeclared, isSynced, lists.Load(), watches.Load() > 0, informer.GetStore().ListKeys())
		close(stop)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output 2> log || { cat log; exit 1; }
cat output
diff - output <<'OUT'
declared false: synced false, lists 0, watches begun true, cached []
declared true: synced true, lists 1, watches begun true, cached ["a"]
OUT
echo 'as described'
