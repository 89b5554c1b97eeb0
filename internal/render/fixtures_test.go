package render_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each pair of fixtures is a rule: valid/NAME.yaml complies, invalid/NAME.yaml breaks it in
// one place, and its first line is the message.
func TestFixturesArePairs(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		if diff := cmp.Diff(names(t, kind.fixtures+"/valid"), names(t, kind.fixtures+"/invalid")); diff != "" {
			t.Errorf("(-valid +invalid):\n%s", diff)
		}
	})
}

func TestValidFixturesRender(t *testing.T) {
	ofEachFixture(t, "valid/*.yaml", func(t *testing.T, kind kind, file string) {
		t.Helper()
		document := read(t, file)
		if _, err := kind.render(templatesOf(t, document), document); err != nil {
			t.Error(err)
		}
	})
}

func TestInvalidFixturesAreRejectedInOneLine(t *testing.T) {
	ofEachFixture(t, "invalid/*.yaml", func(t *testing.T, kind kind, file string) {
		t.Helper()
		document := read(t, file)
		_, err := kind.render(templatesOf(t, document), document)
		if err == nil {
			t.Fatal("no error")
		}
		lines := violationLines(t, err, false)
		if strings.Count(lines, "\n") != 1 {
			t.Fatalf("this breaks more than one rule:\n%s", lines)
		}
		if *update {
			write(t, file, []byte(wantLine.ReplaceAllLiteralString(string(document), "# want: "+lines)))
			return
		}
		if diff := cmp.Diff(header(document, wantLine)+"\n", lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

var (
	wantLine   = regexp.MustCompile(`(?m)^# want: (.*)\n`)
	policyLine = regexp.MustCompile(`(?m)^# policy: (.*)\n`)
)

// header returns the text of a comment line of a fixture, "" without one.
func header(document []byte, line *regexp.Regexp) string {
	if found := line.FindSubmatch(document); found != nil {
		return string(found[1])
	}
	return ""
}

func names(tb testing.TB, folder string) []string {
	tb.Helper()
	var all []string
	for _, file := range glob(tb, folder+"/*.yaml") {
		all = append(all, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	return all
}
