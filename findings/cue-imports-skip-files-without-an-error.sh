#!/usr/bin/env bash
# cuelang.org/go v0.17.1: a file of an imported package whose package clause is missing or misspelled has no effect, and no command says so.
#
# Expected: a folder with files of two packages is an error, as `cue vet` of that folder and Go's compiler report, also where
# another package imports it. A file without a package clause is an error, too, or belongs to the package of its folder.
# Observed: the import takes the files of the package that has the name of the folder and drops the others. `cue vet -c` and
# `cue export` of the importing package succeed without the fields, and constraints, of those files. For a file without
# a clause, and for one with a condition such as @if(prod), `cue vet` of the folder itself succeeds, too.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n\ntool cuelang.org/go/cmd/cue\n' > go.mod
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o bin/cue cuelang.org/go/cmd/cue
mkdir -p module/cue.mod module/policy
cd module
printf 'module: "example.com/finding"\nlanguage: version: "v0.17.0"\n' > cue.mod/module.cue
printf 'package main\n\nimport "example.com/finding/policy"\n\nreplicas: policy.replicas\n' > main.cue
printf 'package policy\n\nreplicas: *1 | int\n' > policy/policy.cue
try() {
  echo "$1"
  printf "$2" > policy/site.cue
  for command in 'export .' 'vet -c .' 'vet -c ./policy'; do
    printf '  cue %s: ' "$command"
    # shellcheck disable=SC2086 # It has several words.
    if ../bin/cue $command > out 2>&1; then tr -d '\n ' < out; echo ' no error'; else sed 's/ (.*//;q' out; fi
  done
}
{
  try 'the package of the folder' 'package policy\n\nreplicas: 2\n'
  try 'another package' 'package polcy\n\nreplicas: 2\n'
  try 'no package' 'replicas: 2\n'
  try 'a condition' '@if(prod)\n\npackage policy\n\nreplicas: 2\n'
} > ../output
cd ..
cat output
diff - output <<'OUT'
the package of the folder
  cue export .: {"replicas":2} no error
  cue vet -c .:  no error
  cue vet -c ./policy:  no error
another package
  cue export .: {"replicas":1} no error
  cue vet -c .:  no error
  cue vet -c ./policy: found packages "policy"
no package
  cue export .: {"replicas":1} no error
  cue vet -c .:  no error
  cue vet -c ./policy:  no error
a condition
  cue export .: {"replicas":1} no error
  cue vet -c .:  no error
  cue vet -c ./policy:  no error
OUT
echo 'as described'
