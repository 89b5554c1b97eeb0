package render

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/literal"
)

// words are the field names and strings that the templates themselves contain. CUE
// keeps every field name it has ever seen, for as long as the process lives, so the
// keys of a user's maps (labels, node selectors, limits) must not reach it by the
// million: a key that is not among the words travels under a stand-in, of which there
// are only as many as one spec has keys, and gets its name back in the output.
type words map[string]bool

// add collects the words of instance and of all it imports.
func (w words) add(instance *build.Instance) {
	w.collect(instance, map[*build.Instance]bool{})
}

func (w words) collect(instance *build.Instance, seen map[*build.Instance]bool) {
	if seen[instance] {
		return
	}
	seen[instance] = true
	for _, file := range instance.Files {
		ast.Walk(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Ident:
				w[node.Name] = true
			case *ast.BasicLit:
				if text, err := literal.Unquote(node.Value); err == nil {
					w[text] = true
				}
			}
			return true
		}, nil)
	}
	for _, imported := range instance.Imports {
		w.collect(imported, seen)
	}
}

// standIns are the keys of one spec that travel under another name. A stand-in keeps
// the prefix of its key up to the slash where the templates know that prefix, because
// rules speak of prefixes (app.kubernetes.io/).
type standIns struct {
	words  words
	forKey map[string]string
	keys   map[string]string
}

func newStandIns(known words) *standIns {
	return &standIns{words: known, forKey: map[string]string{}, keys: map[string]string{}}
}

// hide returns value with the unknown keys of its maps replaced. It shares what needs
// no change.
func (s *standIns) hide(value any) any {
	return renameKeys(value, s.standIn)
}

// reveal is the inverse of hide, on values that CUE made of hidden ones.
func (s *standIns) reveal(value any) any {
	if len(s.keys) == 0 {
		return value
	}
	return renameKeys(value, s.key)
}

func (s *standIns) standIn(key string) string {
	if s.words[key] {
		return key
	}
	if known, ok := s.forKey[key]; ok {
		return known
	}
	prefix, _, _ := strings.Cut(key, "/")
	if prefix += "/"; !s.words[prefix] {
		prefix = ""
	}
	hidden := prefix + "user-key-" + strconv.Itoa(len(s.keys))
	s.forKey[key], s.keys[hidden] = hidden, key
	return hidden
}

func (s *standIns) key(name string) string {
	if key, ok := s.keys[name]; ok {
		return key
	}
	return name
}

// revealText gives the keys their names back in a message.
func (s *standIns) revealText(text string) string {
	for hidden, key := range s.keys {
		text = strings.ReplaceAll(text, hidden, key)
	}
	return text
}

func renameKeys(value any, rename func(string) string) any {
	switch value := value.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(value))
		// In order, so that a key has the same stand-in every time.
		for _, key := range slices.Sorted(maps.Keys(value)) {
			renamed[rename(key)] = renameKeys(value[key], rename)
		}
		return renamed
	case []any:
		renamed := make([]any, len(value))
		for i, element := range value {
			renamed[i] = renameKeys(element, rename)
		}
		return renamed
	default:
		return value
	}
}
