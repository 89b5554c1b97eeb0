#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: client.Apply overwrites its argument.
#
# Expected: the apply configuration given to client.Client.Apply is input only, as the
# configurations of client-go's typed Apply methods are.
# Observed: Apply decodes the server's answer into it. What the server added (status,
# defaults, resourceVersion, managedFields) is in the caller's value afterwards, so a
# configuration that is kept and applied again claims ownership of all of that.
#
# The program answers the client from a loopback HTTP server with an object that carries
# more than was sent, and prints the keys of the configuration before and after.
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
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b","resourceVersion":"7"},"data":{"sent":"1"},"immutable":false}`)
	}))
	defer server.Close()

	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(kind, meta.RESTScopeNamespace)
	c, err := client.New(&rest.Config{Host: server.URL}, client.Options{Mapper: mapper})
	if err != nil {
		panic(err)
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "a", "namespace": "b"},
		"data":     map[string]any{"sent": "1"},
	}}
	fmt.Println("before:", slices.Sorted(maps.Keys(object.Object)), object.GetResourceVersion())
	if err := c.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("finding")); err != nil {
		panic(err)
	}
	fmt.Println("after: ", slices.Sorted(maps.Keys(object.Object)), object.GetResourceVersion())
	if object.GetResourceVersion() != "7" {
		os.Exit(1)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
before: [apiVersion data kind metadata] 
after:  [apiVersion data immutable kind metadata] 7
OUT
echo 'as described'
