#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: the client's RESTMapper keeps a kind whose CRD was deleted.
#
# Expected: the mapper of apiutil.NewDynamicRESTMapper, "a REST mapper that dynamically discovers RESTMapping
# at runtime", follows the API server: after a CRD is deleted, RESTMapping answers with NoKindMatchError, as
# it did before the CRD existed.
# Observed: it discovers kinds that it does not have, and keeps what it has for the life of the process. A
# controller that checks by the mapper whether an optional kind is installed sees it for ever once it was.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// installed is whether the API server has the group; requests counts those for its resources.
var installed, requests atomic.Int64

func discovery(w http.ResponseWriter, r *http.Request) {
	version := metav1.GroupVersionForDiscovery{GroupVersion: "example.com/v1", Version: "v1"}
	group := metav1.APIGroup{Name: "example.com", Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version}
	var answer any
	switch {
	case r.URL.Path == "/api":
		answer = metav1.APIVersions{}
	case r.URL.Path == "/apis" && installed.Load() == 1:
		answer = metav1.APIGroupList{Groups: []metav1.APIGroup{group}}
	case r.URL.Path == "/apis":
		answer = metav1.APIGroupList{}
	case r.URL.Path == "/apis/example.com" && installed.Load() == 1:
		answer = group
	case r.URL.Path == "/apis/example.com/v1" && installed.Load() == 1:
		requests.Add(1)
		answer = metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{
			{Name: "widgets", SingularName: "widget", Kind: "Widget", Namespaced: true, Verbs: metav1.Verbs{"get", "list"}},
		}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(discovery))
	defer server.Close()
	mapper, err := apiutil.NewDynamicRESTMapper(&rest.Config{Host: server.URL}, server.Client())
	if err != nil {
		panic(err)
	}
	try := func(state string) {
		_, err := mapper.RESTMapping(schema.GroupKind{Group: "example.com", Kind: "Widget"}, "v1")
		fmt.Printf("%s: mapped %t, no match %t, resources listed %d times\n", state, err == nil, meta.IsNoMatchError(err), requests.Load())
	}
	try("before it is installed")
	installed.Store(1)
	try("installed")
	installed.Store(0)
	try("deleted")
	fresh, err := apiutil.NewDynamicRESTMapper(&rest.Config{Host: server.URL}, server.Client())
	if err != nil {
		panic(err)
	}
	mapper = fresh
	try("deleted, by another mapper")
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
before it is installed: mapped false, no match true, resources listed 0 times
installed: mapped true, no match false, resources listed 1 times
deleted: mapped true, no match false, resources listed 1 times
deleted, by another mapper: mapped false, no match true, resources listed 1 times
OUT
echo 'as described'
