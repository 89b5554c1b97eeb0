#!/usr/bin/env bash
# helm.sh/helm/v4 v4.3.2: `--set name=[]` makes the text "[]", not the empty list that Helm's documentation shows.
#
# Expected: "--set name=[],a=null translates to name: [], a: null" (Using Helm, "The Format and Limitations of --set"), to empty a list of the
# chart's values.
# Observed: null is null, and [] is a text of two characters. It is true in `if` and `with`, a schema of the values rejects it as no
# array, and toYaml writes '[]' with quotes, which Kubernetes rejects. {}, as in name={a,b}, is no empty list either: it has one item, the empty
# text. Only --set-json and files of values have empty lists.
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
	"encoding/json"
	"fmt"

	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

func show(form string, values map[string]any, err error) {
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", form, text)
}

func main() {
	base := func() map[string]any { return map[string]any{"args": []any{"--port"}, "image": "a"} }
	for _, set := range []string{"args={--host}", "args=[],image=null", "args={}"} {
		values := base()
		show("--set "+set, values, strvals.ParseInto(set, values))
	}
	values := base()
	show("--set-json args=[]", values, strvals.ParseJSON("args=[]", values))
	values = base()
	show("--values with args: []", values, yaml.Unmarshal([]byte("args: []\n"), &values))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
--set args={--host}: {"args":["--host"],"image":"a"}
--set args=[],image=null: {"args":"[]","image":null}
--set args={}: {"args":[""],"image":"a"}
--set-json args=[]: {"args":[],"image":"a"}
--values with args: []: {"args":[],"image":"a"}
OUT
echo 'as described'
