package render

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

const (
	// maxSuggestionDepth bounds the search for a field of the same name elsewhere.
	maxSuggestionDepth = 3
	// maxListedFields is the number of fields, such as those of spec, that a message can list.
	maxListedFields = 12
)

// suggestion returns a hint for the unknown field at path: the field beside it with the most
// similar name, or whose name ends with the given one (secretName of name), or a field of the same
// name elsewhere in the contract, or all fields beside it if they are few.
func suggestion(path []string, contract cue.Value) string {
	if len(path) == 0 {
		return ""
	}
	parent, name := contract, unquote(path[len(path)-1])
	for _, element := range path[:len(path)-1] {
		parent = lookupElement(parent, element)
	}
	best, bestDistance := "", max(1, len(name)/4)+1
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
	if best != "" {
		return ": did you mean " + best + "?"
	}
	if names := fieldNames(parent); 0 < len(names) && len(names) <= maxListedFields {
		return ": use one of " + strings.Join(names, ", ")
	}
	return ""
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

// editDistance returns the number of insertions, deletions, replacements and exchanges of
// adjacent bytes between two words.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(replaced, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
