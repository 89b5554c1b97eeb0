package render_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// probe is an object that is valid, or breaks one bound of the schema.
type probe struct {
	name   string
	object map[string]any
	valid  bool
}

// prober walks a schema. place returns an otherwise valid object with a value at the current
// field.
type prober struct {
	tb     testing.TB
	probes []probe
}

type place func(value any) map[string]any

// probes returns objects at and beyond each bound of the schema of spec.
func probes(tb testing.TB, kind kind, root *schema.Structural) []probe {
	tb.Helper()
	p := &prober{tb: tb}
	spec := root.Properties["spec"]
	p.walk("spec", &spec, func(value any) map[string]any {
		return map[string]any{"apiVersion": "dudaji.com/v1", "kind": kind.name, "metadata": kind.metadata, "spec": value}
	})
	return p.probes
}

func (p *prober) add(name string, valid bool, object map[string]any) {
	p.probes = append(p.probes, probe{name, object, valid})
}

func (p *prober) walk(name string, at *schema.Structural, put place) {
	p.add(name+" as an example", true, put(p.example(name, at)))
	switch {
	case at.XIntOrString:
		p.add(name+" of another type", false, put(true))
		p.walkIntOrString(name, at, put)
	case at.Type == "object":
		p.add(name+" of another type", false, put("text"))
		p.walkObject(name, at, put)
	case at.Type == "array":
		p.add(name+" of another type", false, put("text"))
		p.walkArray(name, at, put)
	case at.Type == "string":
		p.add(name+" of another type", false, put(int64(1)))
		p.walkString(name, at, put)
	case at.Type == "integer":
		p.add(name+" of another type", false, put("1"))
		p.walkInteger(name, at, put)
	case at.Type == "boolean":
		p.add(name+" of another type", false, put("true"))
	default:
		p.tb.Errorf("%s: no probe for type %q", name, at.Type)
	}
}

func (p *prober) walkObject(name string, at *schema.Structural, put place) {
	for _, key := range slices.Sorted(maps.Keys(at.Properties)) {
		property := at.Properties[key]
		p.walk(name+"."+key, &property, func(value any) map[string]any {
			return put(with(p.example(name, at), key, value))
		})
	}
	if values := at.AdditionalProperties; values != nil {
		p.walk(name+"[key]", values.Structural, func(value any) map[string]any {
			return put(map[string]any{"key": value})
		})
		if limit := at.ValueValidation.MaxProperties; limit != nil {
			p.add(name+" with the most keys", true, put(p.keys(name, values.Structural, *limit)))
			p.add(name+" with a key too many", false, put(p.keys(name, values.Structural, *limit+1)))
		}
		return
	}
	p.add(name+" with an unknown field", false, put(with(p.example(name, at), "notAField", "text")))
	for _, key := range required(at) {
		p.add(name+" without "+key, false, put(without(p.example(name, at), key)))
	}
}

func (p *prober) keys(name string, values *schema.Structural, count int64) map[string]any {
	all := map[string]any{}
	for i := range count {
		all[fmt.Sprint("key-", i)] = p.example(name, values)
	}
	return all
}

func (p *prober) walkArray(name string, at *schema.Structural, put place) {
	p.walk(name+"[]", at.Items, func(value any) map[string]any { return put([]any{value}) })
	if at.ValueValidation == nil || at.ValueValidation.MaxItems == nil {
		return
	}
	most := int(*at.ValueValidation.MaxItems)
	p.add(name+" of the most items", true, put(slices.Repeat([]any{p.example(name, at.Items)}, most)))
	p.add(name+" with an item too many", false, put(slices.Repeat([]any{p.example(name, at.Items)}, most+1)))
}

func (p *prober) walkInteger(name string, at *schema.Structural, put place) {
	p.add(name+" with a fraction", false, put(1.5))
	if at.ValueValidation != nil && at.ValueValidation.Format == "int32" {
		p.add(name+" beyond 32 bits", false, put(int64(1)<<31))
	}
	p.add(name+" beyond 64 bits", false, put(1e30))
	if at.ValueValidation == nil {
		return
	}
	if least := at.ValueValidation.Minimum; least != nil {
		p.add(name+" at its least", true, put(int64(*least)))
		p.add(name+" below its least", false, put(int64(*least)-1))
	}
	if most := at.ValueValidation.Maximum; most != nil {
		p.add(name+" at its most", true, put(int64(*most)))
		p.add(name+" above its most", false, put(int64(*most)+1))
	}
}

// walkIntOrString adds ports and quantities that a client can decode, and others that it cannot, or only slowly.
func (p *prober) walkIntOrString(name string, at *schema.Structural, put place) {
	if at.ValueValidation.Pattern == "" {
		p.walkInteger(name, at, put)
		p.add(name+" beyond the integers of Go", false, put(int64(1)<<32))
		p.add(name+" as a name", true, put("metrics"))
		return
	}
	for _, text := range []string{"500m", "+1.5Gi", ".5", "1.", "1E", "1e3", "1E-9", "1e99", strings.Repeat("9", 32)} {
		p.add(name+" as "+text, true, put(text))
	}
	for _, text := range []string{"", ".", "1e", "1e1.5", "1e100", "1GB", " 1", strings.Repeat("9", 33), "." + strings.Repeat("9", 33)} {
		p.add(fmt.Sprintf("%s as %q", name, text), false, put(text))
	}
}

// mismatches are texts of which each pattern rejects one.
var mismatches = []string{"*?", "/=", " a"}

func (p *prober) walkString(name string, at *schema.Structural, put place) {
	if at.ValueValidation == nil {
		return
	}
	if len(at.ValueValidation.Enum) > 0 {
		for _, word := range at.ValueValidation.Enum {
			p.add(fmt.Sprintf("%s as %v", name, word.Object), true, put(word.Object))
		}
		p.add(name+" outside its enum", false, put("Other"))
	}
	if at.ValueValidation.Pattern != "" {
		against := slices.IndexFunc(mismatches, func(text string) bool { return !matches(at, text) })
		p.add(name+" against its pattern", false, put(mismatches[against]))
	}
	if most := at.ValueValidation.MaxLength; most != nil {
		p.add(name+" at its longest", true, put(p.text(name, at, int(*most))))
		p.add(name+" a letter too long", false, put(p.tooLong(name, at, int(*most))))
	}
	if least := at.ValueValidation.MinLength; least != nil {
		p.add(name+" too short", false, put(strings.Repeat("/", int(*least)-1)))
	}
}

// example returns a minimal valid value.
func (p *prober) example(name string, at *schema.Structural) any {
	switch {
	case at.XIntOrString:
		return int64(1)
	case at.Type == "object":
		object := map[string]any{}
		for _, key := range required(at) {
			property := at.Properties[key]
			object[key] = p.example(name+"."+key, &property)
		}
		return object
	case at.Type == "array":
		return []any{}
	case at.Type == "integer" && at.ValueValidation != nil && at.ValueValidation.Minimum != nil:
		return max(1, int64(*at.ValueValidation.Minimum))
	case at.Type == "integer":
		return int64(1)
	case at.Type == "boolean":
		return true
	case at.ValueValidation != nil && len(at.ValueValidation.Enum) > 0:
		return at.ValueValidation.Enum[0].Object
	case at.ValueValidation != nil && at.ValueValidation.Pattern != "" && at.ValueValidation.MinLength == nil && matches(at, ""):
		return ""
	case at.ValueValidation != nil && matches(at, "a.a/a") && !matches(at, "aa"):
		return "a.a/a" // the name of a signer
	case at.ValueValidation != nil && matches(at, "iqn.2026-01.a:a") && !matches(at, "aa"):
		return "iqn.2026-01.a:a" // the name of an iSCSI target
	default:
		return p.text(name, at, 2)
	}
}

// text returns a string of a given length that matches the pattern.
func (p *prober) text(name string, at *schema.Structural, length int) string {
	for _, filler := range fillers(length) {
		if matches(at, filler) {
			return filler
		}
	}
	p.tb.Fatalf("%s: no text of length %d matches the pattern", name, length)
	return ""
}

// tooLong returns a string one letter too long, which matches the pattern if possible.
func (p *prober) tooLong(_ string, at *schema.Structural, longest int) string {
	all := fillers(longest + 1)
	for _, filler := range all {
		if matches(at, filler) {
			return filler
		}
	}
	return all[0]
}

func matches(at *schema.Structural, text string) bool {
	return at.ValueValidation == nil || regexp.MustCompile(at.ValueValidation.Pattern).MatchString(text)
}

// fillers returns strings of a given length: a size, a word, a path, a DNS name.
func fillers(length int) []string {
	labels := strings.Repeat(strings.Repeat("a", 62)+".", length/63+1)
	return []string{strings.Repeat("a", length), "/" + strings.Repeat("a", length-1), labels[len(labels)-length-1 : len(labels)-1], strings.Repeat("1", max(length-1, 0)) + "G"}
}

func required(at *schema.Structural) []string {
	if at.ValueValidation == nil {
		return nil
	}
	return at.ValueValidation.Required
}

func with(object any, key string, value any) map[string]any {
	changed := maps.Clone(object.(map[string]any))
	changed[key] = value
	return changed
}

func without(object any, key string) map[string]any {
	changed := maps.Clone(object.(map[string]any))
	delete(changed, key)
	return changed
}
