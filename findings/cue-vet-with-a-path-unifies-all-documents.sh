#!/usr/bin/env bash
# cuelang.org/go v0.17.1: `cue vet -l path:` checks the unification of all documents, not each of them.
#
# Expected: documents "are validated one object at a time" (cue help vet), as they are without -l and with -d: the path only says where
# in the schema a document belongs.
# Observed: with -l, all documents of all files are unified at the path first. Two valid documents conflict, and two that are both
# invalid pass if each has what the other lacks.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n\ntool cuelang.org/go/cmd/cue\n' > go.mod
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o bin/cue cuelang.org/go/cmd/cue
printf '#Spec: {name!: string, count!: >0}\n' > schema.cue
printf 'spec: {name!: string, count!: >0}\n' > path.cue
try() {
  printf '%s\n' "$1: $2"
  printf '%b' "$2" > data.yaml
  for flags in '-d #Spec schema.cue' '-l spec: path.cue'; do
    printf '  cue vet -c %s: ' "$flags"
    # shellcheck disable=SC2086 # It has several words.
    if bin/cue vet -c $flags data.yaml > out 2>&1; then echo 'no error'; else sed 's/:$//;q' out; fi
  done
}
{
  try 'one' 'name: a\ncount: 1\n'
  try 'two' 'name: a\ncount: 1\n---\nname: b\ncount: 2\n'
  try 'two halves' 'name: a\n---\ncount: 1\n'
} > output
cat output
diff - output <<'OUT'
one: name: a\ncount: 1\n
  cue vet -c -d #Spec schema.cue: no error
  cue vet -c -l spec: path.cue: no error
two: name: a\ncount: 1\n---\nname: b\ncount: 2\n
  cue vet -c -d #Spec schema.cue: no error
  cue vet -c -l spec: path.cue: spec.count: conflicting values 2 and 1
two halves: name: a\n---\ncount: 1\n
  cue vet -c -d #Spec schema.cue: count: field is required but not present
  cue vet -c -l spec: path.cue: no error
OUT
echo 'as described'
