#!/usr/bin/env bash
# cuelang.org/go v0.17.1: beside a list validator, the structs of a definition's list are open.
#
# Expected: a definition closes all structs within it, so that an element of its list with a field
# that the definition lacks is an error, also where list.MaxItems bounds the list.
# Observed: with list.MaxItems, list.MinItems or list.UniqueItems, in one expression or in two, the
# field is accepted. Elements that refer to a definition are closed, and so is a struct beside
# struct.MaxFields.
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
go mod tidy > /dev/null 2>&1
cat > schema.cue <<'CUE'
package schema

import (
	"list"
	"struct"
)

#Item: name: string

#Plain:     values: [...{name: string}]
#Bounded:   values: list.MaxItems(3) & [...{name: string}]
#Apart: {
	values: list.MinItems(1)
	values: [...{name: string}]
}
#Unique:    values: list.UniqueItems() & [...{name: string}]
#Reference: values: list.MaxItems(3) & [...#Item]
#Struct:    values: [{name: string} & struct.MaxFields(3)]
CUE
echo 'values: [{name: "a", other: 1}]' > values.yaml
for definition in Plain Bounded Apart Unique Reference Struct; do
  if go tool cue vet -c -d "#$definition" schema.cue values.yaml > /dev/null 2>&1; then
    echo "$definition accepts"
  else
    echo "$definition rejects"
  fi
done > output
cat output
diff - output <<'OUT'
Plain rejects
Bounded accepts
Apart accepts
Unique accepts
Reference rejects
Struct rejects
OUT
