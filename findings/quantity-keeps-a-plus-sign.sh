#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: the text of a parsed quantity.
#
# Expected: a quantity is written in canonical form, so that two that are equal have the same text.
# Observed: 2.0, 2000m and 0.002k become 2, but +2 keeps its sign when it is parsed, decoded and encoded, until
# something is added to it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require k8s.io/apimachinery v0.37.2
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

func main() {
	two := resource.MustParse("2")
	for _, text := range []string{"+2", "2.0", "2000m", "0.002k"} {
		parsed := resource.MustParse(text)
		var decoded resource.Quantity
		if err := json.Unmarshal([]byte(`"`+text+`"`), &decoded); err != nil {
			panic(err)
		}
		encoded, err := json.Marshal(decoded)
		if err != nil {
			panic(err)
		}
		sum := decoded.DeepCopy()
		sum.Add(resource.MustParse("0"))
		fmt.Printf("%s: parsed %s, decoded and encoded %s, plus zero %s, equal to 2: %t\n", text, parsed.String(), encoded, sum.String(), decoded.Cmp(two) == 0)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
+2: parsed +2, decoded and encoded "+2", plus zero 2, equal to 2: true
2.0: parsed 2, decoded and encoded "2", plus zero 2, equal to 2: true
2000m: parsed 2, decoded and encoded "2", plus zero 2, equal to 2: true
0.002k: parsed 2, decoded and encoded "2", plus zero 2, equal to 2: true
OUT
echo 'as described'
