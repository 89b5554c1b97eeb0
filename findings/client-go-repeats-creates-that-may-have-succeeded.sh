#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: a create is sent again, up to ten times, after a response of 500 to 599 with Retry-After.
#
# Expected: a request is repeated after a 429, which says that nothing was done, and a read or a conditional write also after a 503. A create whose
# response is a 500, 502 or 504 may have created its object: the caller gets the error and decides.
# Observed: the header decides alone, for all methods and all of 5xx. Behind a proxy that adds Retry-After to its 502, 503 or 504, one create with
# generateName makes up to eleven objects, and one with a name returns AlreadyExists for the caller's own object. The caller sees one request, and waits for
# the sum of the delays. Request.MaxRetries(0) prevents it, which the typed clients do not offer.
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
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// gateway creates an object for each POST, and replaces the response with its own code.
func gateway(code int, header bool, created *int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		*created++
		if header {
			w.Header().Set("Retry-After", "0")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Message: "the response was lost",
		})
	}
}

func main() {
	for _, each := range []struct {
		code    int
		header  bool
		retries int
	}{{409, true, 10}, {504, false, 10}, {500, true, 10}, {502, true, 10}, {504, true, 10}, {504, true, 0}} {
		created := 0
		server := httptest.NewServer(gateway(each.code, each.header, &created))
		config := &rest.Config{Host: server.URL, APIPath: "/api", QPS: -1, ContentConfig: rest.ContentConfig{
			GroupVersion: &corev1.SchemeGroupVersion, NegotiatedSerializer: scheme.Codecs.WithoutConversion(),
		}}
		client, err := rest.RESTClientFor(config)
		if err != nil {
			panic(err)
		}
		request := client.Post().Namespace("default").Resource("configmaps").Body(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "a-"}})
		if each.retries != 10 { // Ten is the default.
			request = request.MaxRetries(each.retries)
		}
		err = request.Do(context.Background()).Error()
		fmt.Printf("%d, Retry-After %t, MaxRetries %d: %d objects, an error: %t\n", each.code, each.header, each.retries, created, err != nil)
		server.Close()
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
409, Retry-After true, MaxRetries 10: 1 objects, an error: true
504, Retry-After false, MaxRetries 10: 1 objects, an error: true
500, Retry-After true, MaxRetries 10: 11 objects, an error: true
502, Retry-After true, MaxRetries 10: 11 objects, an error: true
504, Retry-After true, MaxRetries 10: 11 objects, an error: true
504, Retry-After true, MaxRetries 0: 1 objects, an error: true
OUT
echo 'as described'
