package npudeploys

import (
	"context"
	"sync"
	"time"
)

const (
	// longList is the size of a list that is written in its turn.
	longList = 64 << 10
	// maxWriting is how many long lists are written at a time. More would end no earlier: they evict each other from
	// the processor's caches.
	maxWriting = 8
	// maxTurn is how long a client that reads slowly can hold up the next one.
	maxTurn = 20 * time.Millisecond
)

// turns lets maxWriting requests proceed at a time, in their order.
type turns chan struct{}

func newTurns() turns { return make(turns, maxWriting) }

// take waits for a turn, and returns the function that ends it. It ends after maxTurn in any case.
func (t turns) take(ctx context.Context) (func(), error) {
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end := sync.OnceFunc(func() { <-t })
	timer := time.AfterFunc(maxTurn, end)
	return func() {
		timer.Stop()
		end()
	}, nil
}
