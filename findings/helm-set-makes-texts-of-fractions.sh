#!/usr/bin/env bash
# helm.sh/helm/v4 v4.3.2: `--set share=0.9` makes the text "0.9"; only whole numbers are numbers.
#
# Expected: --set sets what the same text in a file of values does, of which it has the numbers, booleans and null.
# Observed: whole numbers in decimal become numbers, and 0.9 and 1e3 stay texts. A template that compares one with a number stops
# with an error of incompatible types, a schema of the values with `type: number` rejects it, and toYaml quotes it: a field of a custom resource
# that is a number in a file of values is a text by --set. A parameter of an Application of Argo CD is a --set. --set-json takes all numbers.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	helm.sh/helm/v4 v4.3.2
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, text := range []string{"8", "0.9", "1e3", "true", "null"} {
		set, err := strvals.Parse("share=" + text)
		if err != nil {
			panic(err)
		}
		written, err := yaml.Marshal(set)
		if err != nil {
			panic(err)
		}
		file := map[string]any{}
		if err := yaml.Unmarshal([]byte("share: "+text), &file); err != nil {
			panic(err)
		}
		fmt.Printf("%s: %T by --set, %T in a file; toYaml writes %s", text, set["share"], file["share"], written)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
8: int64 by --set, float64 in a file; toYaml writes share: 8
0.9: string by --set, float64 in a file; toYaml writes share: "0.9"
1e3: string by --set, float64 in a file; toYaml writes share: "1e3"
true: bool by --set, bool in a file; toYaml writes share: true
null: <nil> by --set, <nil> in a file; toYaml writes share: null
OUT
echo 'as described'
