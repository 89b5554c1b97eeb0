package render_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// To find errors that no fixture reaches, the rules are compiled with an identifier in the
// message of each error.
func TestEveryErrorOfTheRulesHasAFixture(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		missing := map[string]bool{}
		for _, file := range glob(t, "../../"+kind.rules) {
			for _, id := range errorIDs(withIDs(filepath.Base(file), string(read(t, file)))) {
				missing[id] = true
			}
		}
		sets := numberedSets{}
		for _, file := range glob(t, kind.fixtures+"/invalid/*.yaml") {
			for _, id := range sets.rulesBroken(t, kind, read(t, file)) {
				delete(missing, id)
			}
		}
		for id := range missing {
			t.Errorf("no fixture reaches this error: %s (file:number of the error in it)", id)
		}
	})
}

func TestRuleMayBeInAListOrInAStruct(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		`violations: ours: [if deploy.spec.model == "a/b" {spec: model: error("is retired")}]`,
		`violations: spec: model: {if deploy.spec.model == "a/b" {error("is retired")}}`,
	} {
		set := rendertest.Compile(t, edited(t, "schemas/workload/service.cue", func(content string) string { return content + rule }))
		deploy := typed(t, []byte(minimalSpec))
		deploy.Spec.Model = "a/b"
		if _, err := set.Render(deploy, render.ProjectSettings{}); err == nil || err.Error() != "spec.model: is retired" {
			t.Errorf("%s: the error is %v", rule, err)
		}
	}
}

// A rule may quote keys of the user, which are placeholders in CUE.
func TestMessageOfARuleQuotesTheUsersKeys(t *testing.T) {
	t.Parallel()
	set := rendertest.Compile(t, edited(t, "schemas/workload/service.cue", func(content string) string {
		return content + `violations: ours: [if deploy.spec.podMetadata.labels != _|_ for key, _ in deploy.spec.podMetadata.labels {
			spec: podMetadata: labels: (key): error("\(key) is reserved")
		}]`
	}))
	deploy := typed(t, []byte(minimalSpec))
	deploy.Spec.PodMetadata = &v1.PodMetadata{Labels: map[string]v1.LabelValue{}}
	var want []string
	for key := 'a'; key < 'a'+12; key++ {
		deploy.Spec.PodMetadata.Labels["unit-"+string(key)] = "x"
		want = append(want, fmt.Sprintf("spec.podMetadata.labels.unit-%c: unit-%c is reserved", key, key))
	}
	_, err := set.Render(deploy, render.ProjectSettings{})
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "; ")); diff != "" {
		t.Errorf("violations differ (-want +got):\n%s", diff)
	}
}

// numberedSets are templates with identifiers in the messages of the rules, by policy.
type numberedSets map[string]*render.Templates

// rulesBroken returns the identifiers of the errors in a fixture: none if the contract rejects
// it.
func (s numberedSets) rulesBroken(tb testing.TB, kind kind, fixture []byte) []string {
	tb.Helper()
	policy := header(fixture, policyLine)
	if s[policy] == nil {
		s[policy] = rendertest.Compile(tb, rendertest.Edit(tb, moduleOf(tb, fixture), kind.rules, withIDs))
	}
	_, err := kind.render(s[policy], fixture)
	return errorIDs(fmt.Sprint(err))
}

var (
	errorCall = regexp.MustCompile(`\berror\(`)
	errorID   = regexp.MustCompile(`@\S+:\d+@`)
)

// withIDs inserts @FILE:NUMBER@ before the message of each error in a file.
func withIDs(file, content string) string {
	number := 0
	return errorCall.ReplaceAllStringFunc(content, func(call string) string {
		number++
		return fmt.Sprintf(`%s"@%s:%d@" + `, call, file, number)
	})
}

func errorIDs(text string) []string { return errorID.FindAllString(text, -1) }
