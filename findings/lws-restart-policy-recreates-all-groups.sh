#!/usr/bin/env bash
# sigs.k8s.io/lws v0.9.0: a change of restartPolicy of a LeaderWorkerSet recreates the pods of all groups.
#
# Expected: only a change of what the pods contain, their templates, is a new revision, as in a Deployment or StatefulSet. restartPolicy says what
# the manager does when a container restarts: like startupPolicy and rolloutStrategy beside it, it takes effect without touching pods.
# Observed: the revision has all of spec.leaderWorkerTemplate, in which restartPolicy and size are, and spec.networkConfig. A set that is changed to
# restart its groups less often restarts all of them once: minutes or hours of loading for each model.
#
# The program compares revisions by the manager's functions, with controller-runtime's fake client.
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

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	lws "sigs.k8s.io/lws/api/leaderworkerset/v1"
	"sigs.k8s.io/lws/pkg/utils/revision"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newSet() *lws.LeaderWorkerSet {
	one, two := int32(1), int32(2)
	shared := lws.SubdomainShared
	return &lws.LeaderWorkerSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: lws.GroupVersion.String(), Kind: "LeaderWorkerSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "llama"},
		Spec: lws.LeaderWorkerSetSpec{
			Replicas: &one, StartupPolicy: lws.LeaderCreatedStartupPolicy, NetworkConfig: &lws.NetworkConfig{SubdomainPolicy: &shared},
			LeaderWorkerTemplate: lws.LeaderWorkerTemplate{
				Size: &two, RestartPolicy: lws.RecreateGroupOnPodRestart,
				WorkerTemplate: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "server:1"}}}},
			},
		},
	}
}

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, lws.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).Build()
	newRevision := func(set *lws.LeaderWorkerSet) *appsv1.ControllerRevision {
		return must(revision.NewRevision(context.Background(), cluster, set, ""))
	}
	before := newRevision(newSet())
	for _, c := range []struct {
		field  string
		change func(*lws.LeaderWorkerSetSpec)
	}{
		{"replicas", func(spec *lws.LeaderWorkerSetSpec) { *spec.Replicas = 2 }},
		{"startupPolicy", func(spec *lws.LeaderWorkerSetSpec) { spec.StartupPolicy = lws.LeaderReadyStartupPolicy }},
		{"rolloutStrategy", func(spec *lws.LeaderWorkerSetSpec) { spec.RolloutStrategy.Type = lws.RollingUpdateStrategyType }},
		{"leaderWorkerTemplate.restartPolicy", func(spec *lws.LeaderWorkerSetSpec) { spec.LeaderWorkerTemplate.RestartPolicy = lws.NoneRestartPolicy }},
		{"leaderWorkerTemplate.workerTemplate", func(spec *lws.LeaderWorkerSetSpec) {
			spec.LeaderWorkerTemplate.WorkerTemplate.Labels = map[string]string{"team": "a"}
		}},
	} {
		set := newSet()
		c.change(&set.Spec)
		fmt.Printf("%s: pods are recreated %t\n", c.field, !revision.EqualRevision(before, newRevision(set)))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
replicas: pods are recreated false
startupPolicy: pods are recreated false
rolloutStrategy: pods are recreated false
leaderWorkerTemplate.restartPolicy: pods are recreated true
leaderWorkerTemplate.workerTemplate: pods are recreated true
OUT
echo 'as described'
