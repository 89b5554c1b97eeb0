#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: in a controller's queue, an event cancels the AddAfter of the same request.
#
# Expected: as in client-go's workqueue, on which the queue's interface is modelled: AddAfter(a, 1m) and then Add(a) make two reconciles, one now and one
# after a minute. So a handler or a timer can ask for a later look, whatever happens before.
# Observed: the priority queue, which is the default, has one time for each request, the earliest. With the reconcile now, the one after a minute is
# forgotten; so is an AddAfter with a longer delay. A request that has to be looked at again must be delayed again by each reconcile.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/client-go v0.37.2\n\tsigs.k8s.io/controller-runtime v0.25.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

func main() {
	limiter := workqueue.DefaultTypedControllerRateLimiter[string]()
	for _, c := range []struct {
		name  string
		queue workqueue.TypedRateLimitingInterface[string]
	}{
		{"client-go", workqueue.NewTypedRateLimitingQueue(limiter)},
		{"controller-runtime", priorityqueue.New[string]("finding")},
	} {
		// "a" also has an event, "b" a second and longer delay.
		c.queue.AddAfter("a", 2*time.Second)
		c.queue.Add("a")
		c.queue.AddAfter("b", time.Second)
		c.queue.AddAfter("b", 2*time.Second)
		counts := map[string]int{}
		end := time.AfterFunc(4*time.Second, c.queue.ShutDown)
		for {
			request, isShutdown := c.queue.Get()
			if isShutdown {
				break
			}
			counts[request]++
			c.queue.Done(request)
		}
		end.Stop()
		fmt.Printf("%s: an event and a delay: %d, two delays: %d\n", c.name, counts["a"], counts["b"])
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
client-go: an event and a delay: 2, two delays: 1
controller-runtime: an event and a delay: 1, two delays: 1
OUT
echo 'as described'
