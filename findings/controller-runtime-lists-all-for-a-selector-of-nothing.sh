#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: a client lists, and deletes, every object for a selector that matches none.
#
# Expected: labels.Nothing(), and MatchingLabelsSelector without a selector, which stands for it, select no object, as they do in a cache.
# Observed: the text of labels.Nothing() is empty, as that of labels.Everything(), and a request contains the text. The API server returns
# all objects, and DeleteAllOf deletes all of a namespace. Kubernetes makes such a selector of a metav1.LabelSelector that is absent
# (LabelSelectorAsSelector(nil)). The same List that returns nothing from the cache of a manager returns all from its APIReader.
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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// serve prints the requests that a client sends.
func serve(w http.ResponseWriter, r *http.Request) {
	fmt.Printf("  the request: %s labelSelector=%q\n", r.Method, r.URL.Query().Get("labelSelector"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": []}`)
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()
	kinds := meta.NewDefaultRESTMapper(nil)
	kinds.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	c, err := client.New(&rest.Config{Host: server.URL}, client.Options{Scheme: scheme.Scheme, Mapper: kinds})
	if err != nil {
		panic(err)
	}
	absent, err := metav1.LabelSelectorAsSelector(nil)
	if err != nil {
		panic(err)
	}
	one := labels.SelectorFromSet(labels.Set{"app": "a"})
	for _, each := range []struct {
		name     string
		selector labels.Selector
	}{{"app=a", one}, {"labels.Everything()", labels.Everything()}, {"labels.Nothing()", labels.Nothing()}, {"LabelSelectorAsSelector(nil)", absent}, {"none", nil}} {
		option := client.MatchingLabelsSelector{Selector: each.selector}
		options := (&client.ListOptions{}).ApplyOptions([]client.ListOption{option})
		fmt.Printf("%s: a cache matches an object with app=b: %t\n", each.name, options.LabelSelector.Matches(labels.Set{"app": "b"}))
		if err := c.List(context.Background(), &corev1.ConfigMapList{}, client.InNamespace("default"), option); err != nil {
			panic(err)
		}
		if err := c.DeleteAllOf(context.Background(), &corev1.ConfigMap{}, client.InNamespace("default"), option); err != nil {
			panic(err)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
app=a: a cache matches an object with app=b: false
  the request: GET labelSelector="app=a"
  the request: DELETE labelSelector="app=a"
labels.Everything(): a cache matches an object with app=b: true
  the request: GET labelSelector=""
  the request: DELETE labelSelector=""
labels.Nothing(): a cache matches an object with app=b: false
  the request: GET labelSelector=""
  the request: DELETE labelSelector=""
LabelSelectorAsSelector(nil): a cache matches an object with app=b: false
  the request: GET labelSelector=""
  the request: DELETE labelSelector=""
none: a cache matches an object with app=b: false
  the request: GET labelSelector=""
  the request: DELETE labelSelector=""
OUT
echo 'as described'
