#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: the label selector `app in ()` selects objects whose label is empty, and `app notin ()` leaves these out.
#
# Expected: a program that joins names to `app in (%s)` gets an error for no names, as NewRequirement and a metav1.LabelSelector with
# an empty list return one, or no objects; `notin ()` excludes nothing.
# Observed: the parser of texts, which the API server and `kubectl -l` use, takes nothing between the parentheses, and after a comma, for the empty
# value, which is a valid value of a label. `app in ()` is `app=`, `app notin ()` is `app!=`, and `app in (a,)` also selects objects with an
# empty label. ParseToLabelSelector even makes the LabelSelector of it that the API takes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/apimachinery v0.37.2\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

func main() {
	objects := []labels.Set{{}, {"app": ""}, {"app": "a"}}
	for _, text := range []string{"app in ()", "app notin ()", "app in (a,)", "app="} {
		selector, err := labels.Parse(text)
		if err != nil {
			panic(err)
		}
		var selected []labels.Set
		for _, object := range objects {
			if selector.Matches(object) {
				selected = append(selected, object)
			}
		}
		fmt.Printf("%s selects %q\n", text, selected)
	}
	_, err := labels.NewRequirement("app", selection.In, nil)
	fmt.Println("NewRequirement:", err)
	for _, values := range [][]string{nil, {""}} {
		_, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: values},
		}})
		fmt.Printf("LabelSelector with the values %q: %v\n", values, err)
	}
	parsed, err := metav1.ParseToLabelSelector("app in ()")
	if err != nil {
		panic(err)
	}
	fmt.Printf("ParseToLabelSelector: %s %q\n", parsed.MatchExpressions[0].Operator, parsed.MatchExpressions[0].Values)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
app in () selects ["app="]
app notin () selects ["" "app=a"]
app in (a,) selects ["app=" "app=a"]
app= selects ["app="]
NewRequirement: values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty
LabelSelector with the values []: values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty
LabelSelector with the values [""]: <nil>
ParseToLabelSelector: In [""]
OUT
echo 'as described'
