#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: equality.Semantic.DeepDerivative does not notice that the last elements of a list were removed.
#
# Expected: the function ignores what the desired object leaves unset, "a nil pointer and an empty string" by its documentation. A list of one
# argument is set, and differs from a list of two, in whichever place the second is.
# Observed: lists are compared up to the end of the desired one. An operator that updates a live object only if the desired spec is no derivative of it
# removes the first argument, variable, port or container of a list, and never the last one; an emptied list stays as it was.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

func pod(args ...string) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Args: args}}}
}

func main() {
	live := pod("--trust-remote-code", "--enable-debug")
	for _, c := range []struct {
		change  string
		desired corev1.PodSpec
	}{
		{"another last argument", pod("--trust-remote-code", "--verbose")},
		{"without the first argument", pod("--enable-debug")},
		{"without the last argument", pod("--trust-remote-code")},
		{"without arguments", pod([]string{}...)},
	} {
		fmt.Printf("%s: needs an update %t\n", c.change, !equality.Semantic.DeepDerivative(c.desired, live))
	}
	live.Containers = append(live.Containers, corev1.Container{Name: "sidecar"})
	fmt.Printf("without the sidecar: needs an update %t\n", !equality.Semantic.DeepDerivative(pod("--trust-remote-code", "--enable-debug"), live))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
another last argument: needs an update true
without the first argument: needs an update true
without the last argument: needs an update false
without arguments: needs an update false
without the sidecar: needs an update false
OUT
echo 'as described'
