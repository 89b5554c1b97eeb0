#!/usr/bin/env bash
# gopkg.in/evanphx/json-patch.v4 v4.13.0, of the API server, kubectl and kustomize: `replace` without a value sets null, and `test` without one passes.
#
# Expected: RFC 6902 requires a value for add, replace and test, so that a patch without one is an error, as it is with
# github.com/evanphx/json-patch/v5, which controller-runtime and Helm use.
# Observed: a missing value is null. In a Kubernetes object, null is the default: `replace` of /spec/replicas without a value makes one of three
# replicas. `test` without a value, meant to guard the patch, passes where the field does not exist.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tgithub.com/evanphx/json-patch/v5 v5.9.11\n\tgopkg.in/evanphx/json-patch.v4 v4.13.0\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	v5 "github.com/evanphx/json-patch/v5"
	v4 "gopkg.in/evanphx/json-patch.v4"
)

func main() {
	object := []byte(`{"spec":{"replicas":3}}`)
	for _, text := range []string{
		`[{"op": "replace", "path": "/spec/replicas"}]`,
		`[{"op": "add", "path": "/spec/paused"}]`,
		`[{"op": "test", "path": "/spec/paused"}]`,
		`[{"op": "test", "path": "/spec/replicas"}]`,
	} {
		patch4, err := v4.DecodePatch([]byte(text))
		if err != nil {
			panic(err)
		}
		patched4, err4 := patch4.Apply(object)
		fmt.Printf("%s\n  v4: %s %t\n", text, patched4, err4 == nil)
		patch5, err5 := v5.DecodePatch([]byte(text))
		var patched5 []byte
		if err5 == nil {
			patched5, err5 = patch5.Apply(object)
		}
		fmt.Printf("  v5: %s %t\n", patched5, err5 == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
for module in k8s.io/apiserver@v0.37.2 k8s.io/kubectl@v0.37.2 sigs.k8s.io/kustomize/api@v0.21.1; do
  go mod download -json "$module" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' | xargs grep -q 'gopkg.in/evanphx/json-patch.v4 v4.13.0' && echo "$module requires it"
done > output
go run . >> output
cat output
diff - output <<'OUT'
k8s.io/apiserver@v0.37.2 requires it
k8s.io/kubectl@v0.37.2 requires it
sigs.k8s.io/kustomize/api@v0.21.1 requires it
[{"op": "replace", "path": "/spec/replicas"}]
  v4: {"spec":{"replicas":null}} true
  v5:  false
[{"op": "add", "path": "/spec/paused"}]
  v4: {"spec":{"paused":null,"replicas":3}} true
  v5:  false
[{"op": "test", "path": "/spec/paused"}]
  v4: {"spec":{"replicas":3}} true
  v5: {"spec":{"replicas":3}} true
[{"op": "test", "path": "/spec/replicas"}]
  v4:  false
  v5:  false
OUT
echo 'as described'
