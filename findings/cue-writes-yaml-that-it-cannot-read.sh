#!/usr/bin/env bash
# cuelang.org/go v0.17.1: cue export --out yaml writes a text that begins with a tab in a form that neither CUE nor kubectl can read.
#
# Expected: yaml.Unmarshal(yaml.Marshal(x)) is x, and kubectl applies what cue export writes.
# Observed: a text of several lines becomes a block, whose first line is the indentation and the tab: "found a tab character where an indentation
# space is expected". It is YAML by the specification, and newer parsers read it (go.yaml.in/yaml v4), but CUE's own does not, nor does
# go.yaml.in/yaml v3, from which it descends and which writes the same, nor sigs.k8s.io/yaml, with which kubectl reads. A ConfigMap with a piece of a Makefile,
# of nginx.conf or of Go cannot be applied. A tab in a later line does no harm. sigs.k8s.io/yaml writes such a text in quotes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

tool cuelang.org/go/cmd/cue

require (
	cuelang.org/go v0.17.1
	go.yaml.in/yaml/v3 v3.0.4
	go.yaml.in/yaml/v4 v4.0.0
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > nginx.cue <<'CUE'
kind:       "ConfigMap"
apiVersion: "v1"
metadata: name: "proxy"
data: "proxy.conf": "\tproxy_buffering off;\n\tproxy_read_timeout 1h;\n"
CUE
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	cueyaml "cuelang.org/go/encoding/yaml"
	yamlv3 "go.yaml.in/yaml/v3"
	yamlv4 "go.yaml.in/yaml/v4"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile("exported.yaml")
	if err != nil {
		panic(err)
	}
	var value any
	_, err = cueyaml.Extract("", text)
	fmt.Println("CUE:", err)
	fmt.Println("yaml v3:", yamlv3.Unmarshal(text, &value))
	fmt.Println("sigs.k8s.io/yaml:", yaml.Unmarshal(text, &value))
	fmt.Println("yaml v4:", yamlv4.Unmarshal(text, &value))
	quoted, err := yaml.Marshal("\ta\n\tb\n")
	if err != nil {
		panic(err)
	}
	fmt.Printf("written by sigs.k8s.io/yaml: %s", quoted)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go tool cue export --out yaml nginx.cue > exported.yaml
go run . > output
cat output
diff - output <<'OUT'
CUE: :6: found a tab character where an indentation space is expected
yaml v3: yaml: line 6: found a tab character where an indentation space is expected
sigs.k8s.io/yaml: error converting YAML to JSON: yaml: line 7: found a tab character where an indentation space is expected
yaml v4: <nil>
written by sigs.k8s.io/yaml: "\ta\n\tb\n"
OUT
echo 'as described'
