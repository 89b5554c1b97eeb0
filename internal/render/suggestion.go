package render

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// maxSuggestionDepth bounds the search for a field of the same name elsewhere.
const maxSuggestionDepth = 3

// suggestion returns a hint for the unknown field at path: the field beside it with the most
// similar name, or whose name ends with the given one (secretName of name), or a field of the same
// name elsewhere in the contract. It is empty without one.
func suggestion(path []string, contract cue.Value) string {
	if len(path) == 0 {
		return ""
	}
	parent, name := contract, unquote(path[len(path)-1])
	for _, element := range path[:len(path)-1] {
		parent = lookupElement(parent, element)
	}
	best, bestDistance := "", len(name)/3+1
	for _, field := range fieldNames(parent) {
		if distance := editDistance(strings.ToLower(name), strings.ToLower(field)); distance < bestDistance {
			best, bestDistance = field, distance
		}
	}
	if best == "" {
		best = fieldWithSuffix(parent, name)
	}
	if best == "" {
		best = findField(contract, nil, name)
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// fieldWithSuffix returns the only field of contract whose name ends with the word name, or "".
func fieldWithSuffix(contract cue.Value, name string) string {
	if name == "" {
		return ""
	}
	word := strings.ToUpper(name[:1]) + name[1:]
	names := slices.DeleteFunc(fieldNames(contract), func(field string) bool { return !strings.HasSuffix(field, word) })
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// fieldNames returns the names of the fields that contract has, sorted.
func fieldNames(contract cue.Value) []string {
	var names []string
	fields, err := contract.Fields(cue.Optional(true), cue.Patterns(true))
	if err != nil {
		return nil
	}
	for fields.Next() {
		selector := fields.Selector()
		if selector.ConstraintType() != cue.PatternConstraint {
			names = append(names, selector.Unquoted())
		} else if name, err := selector.Pattern().String(); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findField returns the path of the first field with a name below contract.
func findField(contract cue.Value, path []string, name string) string {
	if len(path) >= maxSuggestionDepth {
		return ""
	}
	names := fieldNames(contract)
	if i := slices.IndexFunc(names, func(field string) bool { return strings.EqualFold(field, name) }); i >= 0 && len(path) > 0 {
		return strings.Join(append(slices.Clone(path), names[i]), ".")
	}
	for _, field := range names {
		if found := findField(lookupElement(contract, field), append(slices.Clone(path), field), name); found != "" {
			return found
		}
	}
	return ""
}

// editDistance returns the number of insertions, deletions and replacements of bytes between
// two words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
