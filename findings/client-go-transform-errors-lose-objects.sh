#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: an informer whose transform fails for one object has synced without that object, or never syncs.
#
# Expected: as the transform returns an error, the informer reports it and keeps the object as it is, or does not become ready in either of the two ways in
# which it gets its objects: as a stream (the default), and as a list, from a server that does not stream them.
# Observed: from the stream, the object is left out, HasSynced is true, and only the log has the error: to a controller, the object does not exist. From the
# list, nothing at all is cached, and the informer lists again forever. An update for which the transform fails is lost in both: the
# cache keeps the earlier object, and no handler is called. A transform should return the object and no error, whatever it gets.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func configMap(name, version, value string) corev1.ConfigMap {
	return corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name, ResourceVersion: version}, Data: map[string]string{"value": value},
	}
}

func encode(w http.ResponseWriter, object any) {
	if err := json.NewEncoder(w).Encode(object); err != nil {
		panic(err)
	}
	w.(http.Flusher).Flush()
}

// serve is an API server with three objects, of which a changes after the start.
func serve(isStreaming bool, lists chan<- struct{}) *httptest.Server {
	objects := []corev1.ConfigMap{configMap("a", "1", "good"), configMap("b", "2", "bad"), configMap("c", "3", "good")}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		event := func(kind string, object corev1.ConfigMap) { encode(w, map[string]any{"type": kind, "object": object}) }
		streams := r.FormValue("sendInitialEvents") == "true"
		switch {
		case r.FormValue("watch") == "":
			select {
			case lists <- struct{}{}:
			default:
			}
			encode(w, corev1.ConfigMapList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"}, ListMeta: metav1.ListMeta{ResourceVersion: "3"}, Items: objects,
			})
			return
		case streams && !isStreaming:
			w.WriteHeader(http.StatusUnprocessableEntity)
			encode(w, metav1.Status{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity,
			})
			return
		case streams:
			for _, object := range objects {
				event("ADDED", object)
			}
			end := configMap("", "3", "")
			end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
			event("BOOKMARK", end)
		}
		event("MODIFIED", configMap("a", "4", "bad"))
		event("ADDED", configMap("d", "5", "good"))
		<-r.Context().Done()
	}))
}

func main() {
	for _, isStreaming := range []bool{true, false} {
		lists := make(chan struct{}, 3)
		server := serve(isStreaming, lists)
		factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL}), 0)
		informer := factory.Core().V1().ConfigMaps().Informer()
		err := informer.SetTransform(func(object any) (any, error) {
			if object, ok := object.(*corev1.ConfigMap); ok && object.Data["value"] == "bad" {
				return nil, errors.New("the transform failed")
			}
			return object, nil
		})
		if err != nil {
			panic(err)
		}
		stop := make(chan struct{})
		factory.Start(stop)
		// Until d, the last object, is cached, or until the third list.
		err = wait.PollUntilContextTimeout(context.Background(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			_, exists, err := informer.GetStore().GetByKey("n/d")
			return exists || len(lists) == 3, err
		})
		if err != nil {
			panic(err)
		}
		var cached []string
		for _, object := range informer.GetStore().List() {
			cached = append(cached, object.(*corev1.ConfigMap).Name+" of version "+object.(*corev1.ConfigMap).ResourceVersion)
		}
		slices.Sort(cached)
		fmt.Printf("streamed %t: synced %t, lists %d, cached %q\n", isStreaming, informer.HasSynced(), len(lists), cached)
		close(stop)
		server.CloseClientConnections()
		server.Close()
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output 2> log || { cat log; exit 1; }
cat output
diff - output <<'OUT'
streamed true: synced true, lists 0, cached ["a of version 1" "c of version 3" "d of version 5"]
streamed false: synced false, lists 3, cached []
OUT
echo 'as described'
