#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: client.Delete of metadata returns an error although the object was deleted.
#
# Expected: Delete with a metav1.PartialObjectMetadata requires no type of the object's kind in the client's scheme, as Get,
# List and Patch do, and returns nil if the API server has accepted the deletion.
# Observed: if the object has a finalizer, the API server returns the object, with its deletionTimestamp, in place of a Status. Delete
# decodes it with the scheme and returns "no kind ... is registered". A controller that deletes objects of other projects' kinds
# by their metadata repeats the deletion and reports its failure for as long as the finalizer is there. Objects without a finalizer
# are not affected, nor are unstructured ones. Up to v0.24.1, Delete returned nil.
#
# The program answers the client from a loopback HTTP server, as an API server answers a deletion without and with a finalizer.
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
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	deleted  = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"free","group":"example.com","kind":"widgets","uid":"1"}}`
	deleting = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"held","namespace":"team","uid":"2","resourceVersion":"7",
"finalizers":["example.com/hold"],"deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":0}}`
)

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/held") {
			fmt.Fprint(w, deleting)
			return
		}
		fmt.Fprint(w, deleted)
	}))
	defer server.Close()

	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(kind, meta.RESTScopeNamespace)
	c, err := client.New(&rest.Config{Host: server.URL}, client.Options{Mapper: mapper})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"free", "held"} {
		for _, object := range []client.Object{&unstructured.Unstructured{}, &metav1.PartialObjectMetadata{}} {
			object.GetObjectKind().SetGroupVersionKind(kind)
			object.SetNamespace("team")
			object.SetName(name)
			fmt.Printf("%s, %T: %v\n", name, object, c.Delete(context.Background(), object))
		}
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . | sed 's/ in scheme .*//' > output
cat output
diff - output <<'OUT'
free, *unstructured.Unstructured: <nil>
free, *v1.PartialObjectMetadata: <nil>
held, *unstructured.Unstructured: <nil>
held, *v1.PartialObjectMetadata: no kind "Widget" is registered for version "example.com/v1"
OUT
echo 'as described'
