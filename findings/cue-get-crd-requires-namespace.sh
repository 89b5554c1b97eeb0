#!/usr/bin/env bash
# cuelang.org/go v0.17.1: `cue get crd` makes metadata.namespace required and drops defaults.
#
# Expected: the definition made from a namespaced CRD accepts what `kubectl apply -n NAMESPACE`
# accepts: manifests without metadata.namespace; and fields with a default may be absent and
# have it.
# Observed: the namespace is a required field (namespace!: string), so that a manifest without
# one fails `cue vet -c`; the default is gone from the definition.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

tool cuelang.org/go/cmd/cue

require cuelang.org/go v0.17.1
MOD
cat > crd.yaml <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
YAML
cat > widget.yaml <<'YAML'
apiVersion: example.com/v1
kind: Widget
metadata: {name: a}
spec: {}
YAML
go mod tidy > /dev/null 2>&1
mkdir cue.mod
echo 'module: "example.com/finding", language: version: "v0.17.0"' | sed 's/, /\n/' > cue.mod/module.cue
go tool cue get crd crd.yaml > get.log 2>&1 || { cat get.log; exit 1; }
file=$(find . -name '*.cue' -not -path './cue.mod/module.cue' | head -1)
grep -E 'namespace|size' "$file" | sed 's/^[[:space:]]*//' > output
go tool cue vet -c -d '#Widget' "$file" widget.yaml 2>&1 | head -1 >> output || true
cat output
diff - output <<'OUT'
spec?: size?: int
namespace!: string
metadata.namespace: field is required but not present:
OUT
echo 'as described'
