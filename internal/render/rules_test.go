package render_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/dudaji/nufi/internal/render"
)

// A rule is proved by a fixture that breaks it. So that none goes without, the rules
// are compiled with a mark in the message of each error.
func TestEveryErrorOfTheRulesIsReachedByAFixture(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		missing := map[string]bool{}
		for _, file := range glob(t, "../../"+kind.rules) {
			for _, mark := range marks(withMarks(filepath.Base(file), string(read(t, file)))) {
				missing[mark] = true
			}
		}
		sets := markedSets{}
		for _, file := range glob(t, kind.fixtures+"/invalid/*.yaml") {
			for _, mark := range sets.rulesBroken(t, kind, read(t, file)) {
				delete(missing, mark)
			}
		}
		for mark := range missing {
			t.Errorf("no fixture reaches this error: %s (file:number of the error in it)", mark)
		}
	})
}

// Of a list and of a struct the user reads the same: the field.
func TestARuleMayStandInAListOrInAStruct(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		`refuse: ours: [if deploy.spec.model == "a/b" {spec: model: error("is retired")}]`,
		`refuse: spec: model: {if deploy.spec.model == "a/b" {error("is retired")}}`,
	} {
		set := compile(t, edited(t, "schemas/workload/service.cue", func(content string) string { return content + rule }))
		deploy := typed(t, []byte(minimalSpec))
		deploy.Spec.Model = "a/b"
		if _, err := set.Render(deploy, render.ProjectSettings{}); err == nil || err.Error() != "spec.model: is retired" {
			t.Errorf("%s says %v", rule, err)
		}
	}
}

// markedSets are templates with marks in the messages of the rules, by policy.
type markedSets map[string]*render.Templates

// rulesBroken are the marks of the rules that refuse a fixture: none if it is the
// contract that does.
func (s markedSets) rulesBroken(tb testing.TB, kind kind, fixture []byte) []string {
	tb.Helper()
	policy := header(fixture, policyLine)
	if s[policy] == nil {
		s[policy] = compile(tb, editedIn(tb, moduleOf(tb, fixture), kind.rules, withMarks))
	}
	_, err := kind.render(s[policy], fixture)
	return marks(fmt.Sprint(err))
}

var (
	errorCall = regexp.MustCompile(`\berror\(`)
	errorMark = regexp.MustCompile(`@\S+:\d+@`)
)

// withMarks writes @FILE:NUMBER@ in front of the message of each error in a file.
func withMarks(file, content string) string {
	number := 0
	return errorCall.ReplaceAllStringFunc(content, func(call string) string {
		number++
		return fmt.Sprintf(`%s"@%s:%d@" + `, call, file, number)
	})
}

func marks(text string) []string { return errorMark.FindAllString(text, -1) }
