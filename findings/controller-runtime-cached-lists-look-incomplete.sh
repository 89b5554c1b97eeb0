#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: each list from a cache has a continue token, also a complete one.
#
# Expected: metadata.continue is empty in a complete list, as from the API server: it is how a loop over pages ends, and how a list that Limit cut
# is told apart.
# Observed: a cache sets it to "continue-not-supported" in every list. A list that Limit cut, an arbitrary part of the objects, looks the same as
# a whole one, and the rest is not to be had: with the token, and so on the second turn of a loop that pages through a client, List returns an
# error. A server that passes such a list on tells its own clients that there is more.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
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
	"net/http/httptest"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// serve returns two ConfigMaps, and no events.
func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch query := r.URL.Query(); {
	case query.Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusUnprocessableEntity) // as a server does that has no such watches
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422}`)
	case query.Get("watch") != "":
		<-r.Context().Done()
	default:
		fmt.Fprint(w, `{"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": [
			{"metadata": {"name": "a", "namespace": "default"}}, {"metadata": {"name": "b", "namespace": "default"}}]}`)
	}
}

func main() {
	log.SetLogger(logr.Discard())
	server := httptest.NewServer(http.HandlerFunc(serve))
	config := &rest.Config{Host: server.URL}
	kinds := meta.NewDefaultRESTMapper(nil)
	kinds.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	direct, err := client.New(config, client.Options{Scheme: scheme.Scheme, Mapper: kinds})
	if err != nil {
		panic(err)
	}
	cached, err := cache.New(config, cache.Options{Scheme: scheme.Scheme, Mapper: kinds})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = cached.Start(ctx) }()
	show := func(name string, reader client.Reader, options ...client.ListOption) string {
		var list corev1.ConfigMapList
		if err := reader.List(ctx, &list, options...); err != nil {
			fmt.Printf("%s: %v\n", name, err)
			return ""
		}
		fmt.Printf("%s: %d objects, continue %q\n", name, len(list.Items), list.Continue)
		return list.Continue
	}
	show("from the server", direct)
	token := show("from a cache", cached)
	show("from a cache, with Limit 1", cached, client.Limit(1))
	show("from a cache, with its token", cached, client.Continue(token))
	cancel()
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
from the server: 2 objects, continue ""
from a cache: 2 objects, continue "continue-not-supported"
from a cache, with Limit 1: 1 objects, continue "continue-not-supported"
from a cache, with its token: continue list option is not supported by the cache
OUT
echo 'as described'
