#!/usr/bin/env bash
# cuelang.org/go v0.17.1: && and || evaluate both operands.
#
# Expected: `false && x` is false and `true || x` is true, whatever x is, as in Go, CEL and
# other languages of this field. A guard such as `has && facts.sizes[0] > 1` is then safe.
# Observed: both fail with "undefined field" if x refers to a field that is absent. An `if`
# clause of a comprehension guards: its value is not evaluated unless the condition holds.
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
cat > a.cue <<'CUE'
package a

facts: name: "neuron"

and:     false && facts.sizes[0] > 1
or:      true || facts.sizes[0] > 1
guarded: [if false {facts.sizes[0] > 1}, false][0]
CUE
go mod tidy > /dev/null 2>&1
for field in and or guarded; do
  echo "$field: $(go tool cue export -e "$field" a.cue 2>&1 | head -1)"
done > output
cat output
diff - output <<'OUT'
and: and: undefined field: sizes:
or: or: undefined field: sizes:
guarded: false
OUT
echo 'as described'
