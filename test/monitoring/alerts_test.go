package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/rules"
	"golang.org/x/tools/txtar"

	"github.com/dudaji/nufi/test/harness/golden"
)

// duration is the length of a case in minutes, enough for each alert: NufiDeviceIdle needs an hour.
const duration = 75

// Each alert has a file of its name with expositions that are scraped every minute: `bad`, and
// `bad@20` from the twentieth minute on. The alert must fire on the bad ones as in `fires`, and
// not on the good ones.
func TestEachAlertFiresOnlyOnItsBadCase(t *testing.T) {
	cases := map[string]golden.Case{}
	for _, c := range golden.Cases(t, "testdata/alerts/*.txtar", "fires") {
		cases[c.Name] = c
	}
	for _, d := range definitions(t) {
		if d.Alert == "" {
			continue
		}
		t.Run(d.Alert, func(t *testing.T) {
			t.Parallel()
			c, ok := cases[d.Alert]
			if !ok {
				t.Fatal("has no case")
			}
			if fired := firing(t, c.Archive, "good", d.Alert); fired != "" {
				t.Errorf("fires on the good case:\n%s", fired)
			}
			fired := firing(t, c.Archive, "bad", d.Alert)
			if fired == "" {
				t.Fatal("does not fire on the bad case")
			}
			c.Compare(t, fired)
		})
	}
}

// firing evaluates the rules over a case and returns the alerts that fired, one per line.
func firing(t *testing.T, archive *txtar.Archive, which, alert string) string {
	t.Helper()
	s := newServer(t)
	set := newRuleSet(t, s)
	set.keepOnly(alert)
	phase, since := which, 0
	if content(archive, phase) == nil {
		t.Fatalf("no case %q", which)
	}
	var lines []string
	for minute := range duration {
		if next := which + "@" + strconv.Itoa(minute); content(archive, next) != nil {
			phase, since = next, minute
		}
		at := recordedAt.Add(time.Duration(minute) * time.Minute)
		s.scrape(t, content(archive, phase), at, minute-since)
		set.evaluate(t, s, at)
		for _, active := range set.alerts[alert].ActiveAlerts() {
			if active.State == rules.StateFiring {
				lines = append(lines, fmt.Sprintf("%s\n  %s\n", active.Labels, active.Annotations.Get("description")))
			}
		}
	}
	slices.Sort(lines)
	return firstOfEach(lines)
}

// firstOfEach keeps the first line of each alert, because values in descriptions change.
func firstOfEach(lines []string) string {
	var kept []string
	seen := map[string]bool{}
	for _, line := range lines {
		id, _, _ := strings.Cut(line, "\n")
		if !seen[id] {
			seen[id] = true
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func content(archive *txtar.Archive, name string) []byte {
	for _, file := range archive.Files {
		if file.Name == name {
			return file.Data
		}
	}
	return nil
}

func TestEachAlertHasARunbook(t *testing.T) {
	for _, d := range definitions(t) {
		if d.Alert == "" {
			continue
		}
		page := filepath.Join("../../docs/runbooks", d.Alert+".md")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, heading := range []string{"# " + d.Alert + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"} {
			if !strings.Contains(string(text), heading) {
				t.Errorf("%s has no %q", page, heading)
			}
		}
		if !strings.HasSuffix(d.Annotations["runbook_url"], "/docs/runbooks/"+d.Alert+".md") || d.Annotations["summary"] == "" || d.Annotations["description"] == "" {
			t.Errorf("%s lacks an annotation: %v", d.Alert, d.Annotations)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, d.Labels["severity"]) {
			t.Errorf("%s has severity %q", d.Alert, d.Labels["severity"])
		}
	}
}
