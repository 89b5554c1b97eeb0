#!/usr/bin/env bash
# k8s.io/apiserver v0.37.2: the admission policies of the API server import client-go's fakes for tests.
#
# Expected: fakes are imported by files that end with _test.go, or by packages for tests, so that a program with the API
# server's admission contains none of them.
# Observed: pkg/admission/plugin/policy/generic has a helper for tests in policy_test_context.go. That name does not end with
# _test.go, so the file belongs to the package: every API server is compiled with a fake of each of Kubernetes' API groups, 60
# packages of client-go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/apiserver v0.37.2\n' > go.mod
cat > main.go <<'GO'
package main

import _ "k8s.io/apiserver/pkg/admission/plugin/policy/generic"

func main() {}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
package=k8s.io/apiserver/pkg/admission/plugin/policy/generic
{
  printf 'packages of client-go for tests: '
  go list -deps . | grep -cE '^k8s.io/client-go/(.*/fake|testing)$'
  echo 'imported by:'
  (cd "$(go list -f '{{.Dir}}' $package)" && grep -l 'client-go/.*fake"' $(go list -f '{{join .GoFiles " "}}' .))
} > output
cat output
diff - output <<'OUT'
packages of client-go for tests: 60
imported by:
policy_test_context.go
OUT
echo 'as described'
