#!/usr/bin/env bash
# cuelang.org/go v0.17.1: math.Log2 of 16, 64 and 512 is a little less than a whole number.
#
# Expected: the logarithm of a power of two is exact, as by math.Log2 of Go, whose name and package it has. CUE calculates with decimals, so
# that 0.1 + 0.2 is 0.3.
# Observed: it is a quotient of two rounded logarithms. Of 2, 4, 8, 32, 128 and 256 it is exact, and even an int. Of 16 it is 3.99…9: the
# test of a power of two, math.Floor(math.Log2(n)) == math.Log2(n), passes for 8 devices and fails for 16, and the number of
# steps of a reduction among 16 devices is 3. Log10 has no such values. A list of the sizes is exact.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n\ntool cuelang.org/go/cmd/cue\n' > go.mod
cat > main.cue <<'CUE'
import "math"

log2: {for devices in [2, 4, 8, 16, 32, 64, 128, 256, 512] {"\(devices)": math.Log2(devices)}}
powersOfTwo: [for devices in [2, 4, 8, 16, 32, 64, 128, 256, 512] if math.Floor(math.Log2(devices)) == math.Log2(devices) {devices}]
steps: {for devices in [8, 16] {"\(devices)": math.Floor(math.Log2(devices))}}
whole: (math.Log2(8) & int) == 3
log10: [for n in [10, 100, 1000, 10000, 100000] {math.Log10(n)}]
CUE
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go tool cue export --out cue main.cue > output
cat output
diff - output <<'OUT'
log2: {
	"2":   1
	"4":   2
	"8":   3
	"16":  3.999999999999999999999999999999999
	"32":  5
	"64":  5.999999999999999999999999999999999
	"128": 7
	"256": 8
	"512": 8.999999999999999999999999999999999
}
powersOfTwo: [2, 4, 8, 32, 128, 256]
steps: {
	"8":  3
	"16": 3
}
whole: true
log10: [1, 2, 3, 4, 5]
OUT
echo 'as described'
