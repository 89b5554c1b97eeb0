package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/literal"
	"k8s.io/apimachinery/pkg/util/validation"
)

// words are the field names and strings that a set of templates contains.
type words map[string]bool

// addNames collects the names of fields that templates compute, such as those of resources and labels.
func (w words) addNames(value cue.Value) {
	for fields, err := value.Fields(); err == nil && fields.Next(); {
		w[fields.Selector().Unquoted()] = true
		w.addNames(fields.Value())
	}
}

// add collects the words of instances and of all their imports.
func (w words) add(instances ...*build.Instance) {
	for _, instance := range withImports(instances...) {
		for _, file := range instance.Files {
			ast.Walk(file, w.collect, nil)
		}
	}
}

func (w words) collect(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.Ident:
		w[node.Name] = true
	case *ast.BasicLit:
		if text, err := literal.Unquote(node.Value); err == nil {
			w[text] = true
		}
	}
	return true
}

// placeholderDomain replaces a prefix that the templates do not contain.
const placeholderDomain = "placeholder.invalid/"

// placeholderName begins the name of a placeholder. A number of four digits follows, so that placeholders have the order
// of their keys, and an ending.
const placeholderName = "user-key-"

// endingFor returns an ending with which rules accept and reject what they do of the key: one that Kubernetes does not
// take for a label, or one with characters that the name of a header has not.
func endingFor(key string) string {
	switch {
	case len(validation.IsQualifiedName(strings.ToLower(key))) > 0:
		return " "
	case key != strings.ToLower(key) || strings.Contains(key, "."):
		return "-X"
	default:
		return ""
	}
}

// placeholders replace the keys of a spec's maps (labels, node selectors, limits) in CUE.
// CUE keeps each field name for the life of the process, so that arbitrary keys would grow
// its memory without bound. Placeholders are numbered: there are only as many as one spec
// has keys and texts. Words of the templates are not replaced, nor a prefix that is one, because rules match
// prefixes such as app.kubernetes.io/ and nvidia.com/rdma.
type placeholders struct {
	words  words
	byKey  map[string]string
	keyFor map[string]string // by placeholder
	next   int

	// alike are the texts of the spec that may contain a placeholder, which would be replaced there.
	alike []string
}

func newPlaceholders(words words) *placeholders {
	return &placeholders{words: words, byKey: map[string]string{}, keyFor: map[string]string{}}
}

// avoid keeps the texts in value, a value of JSON, from being replaced. It precedes mask.
func (p *placeholders) avoid(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, element := range value {
			p.avoid(element)
		}
	case []any:
		for _, element := range value {
			p.avoid(element)
		}
	case string:
		if strings.Contains(value, placeholderName) {
			p.alike = append(p.alike, value)
		}
	}
}

// mask returns value with placeholders for the keys of its maps. It shares unchanged parts.
func (p *placeholders) mask(value any) any {
	return renameKeys(value, p.placeholder)
}

// unmask is the inverse of mask. It restores keys that the templates used as values, too.
func (p *placeholders) unmask(value any) any {
	if len(p.keyFor) == 0 {
		return value
	}
	return p.unmaskValues(renameKeys(value, p.key))
}

func (p *placeholders) unmaskValues(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			value[key] = p.unmaskValues(element)
		}
		return value
	case []any:
		for i, element := range value {
			value[i] = p.unmaskValues(element)
		}
		return value
	case string:
		return p.key(value)
	default:
		return value
	}
}

// unmaskText restores the keys in a message.
func (p *placeholders) unmaskText(text string) string {
	pairs := make([]string, 0, 2*len(p.keyFor))
	for placeholder, key := range p.keyFor {
		pairs = append(pairs, placeholder, key)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (p *placeholders) placeholder(key string) string {
	if p.words[key] {
		return key
	}
	if placeholder, ok := p.byKey[key]; ok {
		return placeholder
	}
	placeholder := p.unused(p.prefix(key)+placeholderName, endingFor(key))
	p.byKey[key], p.keyFor[placeholder] = placeholder, key
	return placeholder
}

// prefix returns the longest prefix of a key that is a word of the templates with a slash.
func (p *placeholders) prefix(key string) string {
	slash := strings.Index(key, "/")
	if slash < 0 {
		return ""
	}
	for length := len(key); length > slash; length-- {
		if p.words[key[:length]] {
			return key[:length]
		}
	}
	if domain := key[:slash]; domain != strings.ToLower(domain) {
		return strings.ToUpper(placeholderDomain) // only an annotation can have it
	}
	return placeholderDomain // Templates recognize an extended resource by its slash.
}

// unused returns a placeholder with the next number that makes it no text of the spec or the templates.
func (p *placeholders) unused(name, ending string) string {
	for {
		placeholder := fmt.Sprintf("%s%04d%s", name, p.next, ending)
		p.next++
		if !p.words[placeholder] && !slices.ContainsFunc(p.alike, func(text string) bool { return strings.Contains(text, placeholder) }) {
			return placeholder
		}
	}
}

func (p *placeholders) key(name string) string {
	if key, ok := p.keyFor[name]; ok {
		return key
	}
	return name
}

func renameKeys(value any, rename func(string) string) any {
	switch value := value.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(value))
		// Sorted, so that a key gets the same placeholder in every render.
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
