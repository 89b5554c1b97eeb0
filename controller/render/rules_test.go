package render_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/dudaji/nufi/controller/render"
)

const ruleFiles = "schemas/workload/rules*.cue"

// A rule is proved by a fixture that breaks it. So that none goes without, the rules
// are compiled with a mark in the message of each error.
func TestEveryErrorOfTheRulesIsReachedByAFixture(t *testing.T) {
	missing := map[string]bool{}
	for _, file := range glob(t, "../../"+ruleFiles) {
		for _, mark := range marks(withMarks(filepath.Base(file), string(read(t, file)))) {
			missing[mark] = true
		}
	}
	sets := markedSets{}
	for _, file := range glob(t, fixtures+"/invalid/*.yaml") {
		for _, mark := range sets.rulesBroken(t, read(t, file)) {
			delete(missing, mark)
		}
	}
	for mark := range missing {
		t.Errorf("no fixture reaches this error: %s (file:number of the error in it)", mark)
	}
}

// markedSets are templates with marks in the messages of the rules, by policy.
type markedSets map[string]*render.Templates

// rulesBroken are the marks of the rules that refuse a fixture: none if it is the
// contract that does.
func (s markedSets) rulesBroken(tb testing.TB, fixture []byte) []string {
	tb.Helper()
	policy := header(fixture, policyLine)
	if s[policy] == nil {
		s[policy] = compile(tb, editedIn(tb, moduleOf(tb, fixture), ruleFiles, withMarks))
	}
	_, err := s[policy].RenderYAML(inputName, fixture)
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
