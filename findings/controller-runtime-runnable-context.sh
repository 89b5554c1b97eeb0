#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: a Runnable's context does not derive from the
# one given to manager.Start.
#
# Expected: values of the context passed to Manager.Start (a logger, a trace) reach the
# Runnables, since Start cancels them through it.
# Observed: Runnables get a context made from Options.BaseContext, cancelled together with
# Start's. Values of Start's context are absent, so a logger put there with
# logr.NewContext is replaced by the discarding one of logr.FromContextOrDiscard.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

type key struct{}

func main() {
	ctrl.SetLogger(logr.Discard())
	run := func(options ctrl.Options) any {
		options.Metrics = metrics.Options{BindAddress: "0"}
		options.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
			return meta.NewDefaultRESTMapper(nil), nil
		}
		m, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, options)
		if err != nil {
			panic(err)
		}
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "from Start"))
		defer cancel()
		seen := make(chan any, 1)
		if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error {
			seen <- ctx.Value(key{})
			<-ctx.Done()
			return nil
		})); err != nil {
			panic(err)
		}
		done := make(chan error, 1)
		go func() { done <- m.Start(ctx) }()
		value := <-seen
		cancel()
		if err := <-done; err != nil {
			panic(err)
		}
		return value
	}
	byStart := run(ctrl.Options{})
	byBase := run(ctrl.Options{BaseContext: func() context.Context {
		return context.WithValue(context.Background(), key{}, "from BaseContext")
	}})
	fmt.Println("value of Start's context:", byStart)
	fmt.Println("with BaseContext:        ", byBase)
	if byStart != nil {
		os.Exit(1)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
value of Start's context: <nil>
with BaseContext:         from BaseContext
OUT
echo 'as described'
