package npudeploys

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func take(t *testing.T, turns turns) func() {
	t.Helper()
	end, err := turns.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func TestListWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, start := newTurns(), time.Now()
		first := take(t, turns)
		for range maxWriting - 1 {
			take(t, turns)
		}
		time.AfterFunc(time.Millisecond, first)
		take(t, turns)
		if waited := time.Since(start); waited != time.Millisecond {
			t.Errorf("waited %s for the first to end", waited)
		}
	})
}

func TestSlowClientsHoldUpOthersForOneTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, start := newTurns(), time.Now()
		var ends []func()
		for range 2 * maxWriting {
			ends = append(ends, take(t, turns))
		}
		if waited := time.Since(start); waited != maxTurn {
			t.Errorf("waited %s", waited)
		}
		for _, end := range ends {
			end()
		}
		if len(turns) > 0 {
			t.Errorf("%d turns have not ended", len(turns))
		}
	})
}

func TestRequestThatEndsLeavesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		for range maxWriting {
			take(t, turns)
		}
		ctx, cancel := context.WithTimeout(t.Context(), maxTurn/2)
		defer cancel()
		if _, err := turns.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
