#!/usr/bin/env bash
# cuelang.org/go v0.17.1: whether a struct has the fields that it embeds depends on the order of the declarations, and of the files.
#
# Expected: CUE is commutative: another order of fields, or other names of files, changes at most the order of what is exported. A
# condition that is false contributes nothing.
# Observed: a struct embeds the fields of another one and has, beside them, a condition that reads the same fields and would add a field whose name
# is a reference. If the struct comes before the other one, it is exported as {}, without an error, although the condition is false
# in both orders. A field of a fixed name is harmless, and so is a loop instead of the embedding. In a package, the file whose name sorts
# first decides: a new or renamed file can empty a struct of another file.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n\ntool cuelang.org/go/cmd/cue\n' > go.mod
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o cue cuelang.org/go/cmd/cue
cat > given.cue <<'CUE'
package finding

given: "example.com/npu": 2
own: limits: given
device: "example.com/default"
names: [for name, _ in own.limits {name}]
CUE
# show exports a container with these limits, from a file that sorts before given.cue, and from one after it.
show() {
  echo "limits: $1"
  for file in container.cue last.cue; do
    printf 'package finding\n\ncontainer: limits: %s\n' "$1" > "$file"
    echo "  in $file: $(./cue export -e container.limits . 2>&1 | tr -d '\n ')"
    rm "$file"
  done
}
{
  show '{own.limits, if len(names) == 0 {(device): 1}}'
  show '{own.limits, if len(names) == 0 {"example.com/default": 1}}'
  show '{own.limits, if false {(device): 1}}'
  show '{for name, number in own.limits {(name): number}, if len(names) == 0 {(device): 1}}'
} > output
cat output
diff - output <<'OUT'
limits: {own.limits, if len(names) == 0 {(device): 1}}
  in container.cue: {}
  in last.cue: {"example.com/npu":2}
limits: {own.limits, if len(names) == 0 {"example.com/default": 1}}
  in container.cue: {"example.com/npu":2}
  in last.cue: {"example.com/npu":2}
limits: {own.limits, if false {(device): 1}}
  in container.cue: {"example.com/npu":2}
  in last.cue: {"example.com/npu":2}
limits: {for name, number in own.limits {(name): number}, if len(names) == 0 {(device): 1}}
  in container.cue: {"example.com/npu":2}
  in last.cue: {"example.com/npu":2}
OUT
echo 'as described'
