#!/usr/bin/env bash
# k8s.io/client-go and k8s.io/apimachinery v0.37.2: a wait.Backoff that reaches its Cap does not retry again.
#
# Expected: Cap bounds the delay between two attempts, and Steps their number: with eight steps, retry.OnError tries eight times, the
# later ones at intervals of the cap.
# Observed: the delay that would exceed the cap is the end: retry.OnError and wait.ExponentialBackoff give up there, with two of eight
# attempts here. A lower cap, which seems to retry more often, retries less. DelayFunc().Until of the same Backoff continues at
# intervals of the cap.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
)

func main() {
	always := func(error) bool { return true }
	for _, limit := range []time.Duration{0, time.Hour, 100 * time.Millisecond, 10 * time.Millisecond} {
		backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 2, Steps: 8, Cap: limit}
		attempts := 0
		_ = retry.OnError(backoff, always, func() error { attempts++; return errors.New("not yet") })
		fmt.Printf("Steps 8, Cap %s: %d attempts\n", limit, attempts)
	}

	backoff, attempts := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 2, Steps: 8, Cap: 10 * time.Millisecond}, 0
	err := backoff.DelayFunc().Until(context.Background(), true, true, func(context.Context) (bool, error) {
		attempts++
		return attempts == 20, nil
	})
	fmt.Printf("DelayFunc().Until, Steps 8, Cap 10ms: %d attempts, %v\n", attempts, err)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
Steps 8, Cap 0s: 8 attempts
Steps 8, Cap 1h0m0s: 8 attempts
Steps 8, Cap 100ms: 5 attempts
Steps 8, Cap 10ms: 2 attempts
DelayFunc().Until, Steps 8, Cap 10ms: 20 attempts, <nil>
OUT
echo 'as described'
