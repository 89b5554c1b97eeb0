#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: a request that the client's own rate limit delays beyond its deadline fails with an error that is no timeout, and before
# the deadline.
#
# Expected: a call with a context of 500 ms that the client's QPS would delay by longer returns when the context ends, with context.DeadlineExceeded,
# as a call that the server or the network delays does.
# Observed: it returns at once, and its error wraps nothing: errors.Is finds no DeadlineExceeded and apierrors finds no reason, such as TooManyRequests
# or Timeout. Code that takes other errors for faults of its own, or for permanent ones, does so under load only. The context is not at its end,
# so that ctx.Err does not tell, either.
#
# The program calls a loopback server twice, at a rate of one request in a hundred seconds, and then one that does not respond.
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
	"net/http"
	"net/http/httptest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func call(title string, client kubernetes.Interface) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := client.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
	fmt.Printf("%s: error %t, DeadlineExceeded %t, reason %q, the context has ended %t\n",
		title, err != nil, errors.Is(err, context.DeadlineExceeded), apierrors.ReasonForError(err), ctx.Err() != nil)
	if err != nil && ctx.Err() == nil {
		fmt.Println(" ", err)
	}
}

func newClient(url string, qps float32) kubernetes.Interface {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: url, QPS: qps, Burst: 1})
	if err != nil {
		panic(err)
	}
	return client
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}`)
	}))
	defer server.Close()
	limited := newClient(server.URL, 0.01)
	call("the first request", limited)
	call("one that the client delays", limited)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	call("one that the server delays", newClient(silent.URL, 100))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
the first request: error false, DeadlineExceeded false, reason "", the context has ended false
one that the client delays: error true, DeadlineExceeded false, reason "", the context has ended false
  client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline
one that the server delays: error true, DeadlineExceeded true, reason "", the context has ended true
OUT
echo 'as described'
