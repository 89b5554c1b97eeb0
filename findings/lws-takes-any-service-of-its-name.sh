#!/usr/bin/env bash
# sigs.k8s.io/lws v0.9.0: a LeaderWorkerSet takes any Service of its name for its own headless one.
#
# Expected: the manager creates the headless Service that gives the pods of a set their host names. If another Service has the name,
# such as the one that clients of the servers use, it reports a conflict.
# Observed: it checks only that a Service of the name exists. With one that has a cluster IP or another selector, the set is created without
# an error, and LWS_LEADER_ADDRESS, by which the workers find their leader, does not resolve before the leader is ready, which it often is
# only with its workers.
#
# The program calls the manager's function with controller-runtime's fake client.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire sigs.k8s.io/lws v0.9.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	lws "sigs.k8s.io/lws/api/leaderworkerset/v1"
	controller "sigs.k8s.io/lws/pkg/utils/controller"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	scheme, ctx := runtime.NewScheme(), context.Background()
	must(corev1.AddToScheme(scheme))
	must(lws.AddToScheme(scheme))
	set := &lws.LeaderWorkerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "llama", UID: "1"}}
	ofClients := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "llama"},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.0.0.1", Selector: map[string]string{"role": "leader"}},
	}
	for _, existing := range [][]client.Object{nil, {ofClients}} {
		cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(existing...).Build()
		err := controller.CreateHeadlessServiceIfNotExists(ctx, cluster, scheme, set, set.Name, map[string]string{lws.SetNameLabelKey: set.Name}, set)
		var service corev1.Service
		must(cluster.Get(ctx, client.ObjectKeyFromObject(set), &service))
		fmt.Printf("other Services %d: error %t, cluster IP %s, host names before ready %t\n",
			len(existing), err != nil, service.Spec.ClusterIP, service.Spec.PublishNotReadyAddresses)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
other Services 0: error false, cluster IP None, host names before ready true
other Services 1: error false, cluster IP 10.0.0.1, host names before ready false
OUT
echo 'as described'
