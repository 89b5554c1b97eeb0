#!/usr/bin/env bash
# sigs.k8s.io/kustomize/kustomize/v5 v5.7.1: `namespace:` gives cluster-scoped custom resources a
# namespace.
#
# Expected: the namespace transformer leaves cluster-scoped objects alone, as it does for
# ClusterRole, Namespace and CustomResourceDefinition, the more so if the same build holds the
# definition that declares `scope: Cluster`.
# Observed: it knows the scope of built-in kinds only. A custom resource whose definition in the
# same build has scope Cluster gets metadata.namespace.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

tool sigs.k8s.io/kustomize/kustomize/v5
MOD
go get -tool sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 > /dev/null 2>&1
mkdir k
cat > k/kustomization.yaml <<'YAML'
namespace: team
resources: [objects.yaml]
YAML
cat > k/objects.yaml <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tenants.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Tenant, plural: tenants, singular: tenant}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: example.com/v1
kind: Tenant
metadata: {name: a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: a}
YAML
go tool kustomize build k > built.yaml
go tool kustomize build k | grep -E '^kind:|^  (name|namespace):' > output
cat output
diff - output <<'OUT'
kind: CustomResourceDefinition
  name: tenants.example.com
kind: ClusterRole
  name: a
kind: Tenant
  name: a
  namespace: team
OUT
echo 'as described'
