#!/usr/bin/env bash
# cuelang.org/go v0.17.1: list.Contains tells 1 from 1.0, which == does not.
#
# Expected: list.Contains uses CUE's equality, for which 1 == 1.0 is true.
# Observed: list.Contains([1], 1.0) is false. The quotient of `/` is a float that prints its
# point (4/2 is 2.0), so a rule such as "the size is one of the list" rejects a computed size
# that is in the list. div() yields an int.
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

import "list"

equal:    1 == 1.0
contains: list.Contains([1], 1.0)
quotient: 4 / 2
divided:  list.Contains([1, 2, 4], 4/2)
whole:    list.Contains([1, 2, 4], div(4, 2))
CUE
go mod tidy > /dev/null 2>&1
go tool cue eval a.cue > output
cat output
diff - output <<'OUT'
equal:    true
contains: false
quotient: 2.0
divided:  false
whole:    true
OUT
echo 'as described'
