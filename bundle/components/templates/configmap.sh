#!/bin/sh
# Prints the ConfigMap of the templates in a directory that holds cue.mod and schemas:
#   configmap.sh DIR | kubectl apply --server-side -f -
# Server-side: the annotation of a client-side apply would double the size.
set -eu
cd "${1:-.}"
set --
for file in cue.mod/module.cue schemas/*/*.cue; do
	set -- "$@" "--from-file=$(echo "$file" | tr / .)=$file"
done
exec kubectl create configmap nufi-templates --namespace=nufi-system --dry-run=client --output=yaml "$@"
