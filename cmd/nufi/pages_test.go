package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// Each command line of nufi that a page shows has a command and flags that exist.
func TestPagesShowCommandsThatExist(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/runbooks/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range shownCommands(string(text)) {
				shown++
				if err := checkCommand(line); err != nil {
					t.Errorf("%s: nufi %s: %v", page, line, err)
				}
			}
		}
	}
	if shown < 50 {
		t.Errorf("the pages show only %d commands", shown)
	}
}

const readme = "../../README.md"

// The README quotes the output of nufi explain for its first spec. UPDATE_SCRIPTS=1 rewrites it.
func TestCommandLineOfTheREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	_, spec, _ := strings.Cut(page, "```yaml\n")
	spec, _, _ = strings.Cut(spec, "```")
	before, quoted, found := strings.Cut(page, "    $ nufi explain -f llama.yaml ")
	argument, quoted, _ := strings.Cut(quoted, "\n")
	quoted, after, _ := strings.Cut(quoted, "\n\n")
	if !found {
		t.Fatal("there is no command")
	}
	file := filepath.Join(t.TempDir(), "llama.yaml")
	if err := os.WriteFile(file, []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	root := newCommand()
	root.SetArgs([]string{"explain", "-f", file, argument})
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	printed := strings.ReplaceAll(strings.TrimSpace(out.String()), file, "llama.yaml")
	got := "    " + strings.ReplaceAll(printed, "\n", "\n    ")
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		page = before + "    $ nufi explain -f llama.yaml " + argument + "\n" + got + "\n\n" + after
		if err := os.WriteFile(readme, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(quoted, got); diff != "" {
		t.Errorf("explain (-README +got):\n%s", diff)
	}
}

// shownCommands returns the arguments of nufi in lines of code, and in text between backticks.
func shownCommands(page string) (lines []string) {
	code := regexp.MustCompile(`(?m)^    (?:\$ )?(?:.*\| )?(?:go run \./cmd/)?nufi ([a-z-][^|#>&\n]*)`)
	text := regexp.MustCompile("`nufi ([a-z-][^`|]*)`")
	for _, expression := range []*regexp.Regexp{code, text} {
		for _, match := range expression.FindAllStringSubmatch(page, -1) {
			lines = append(lines, strings.NewReplacer("[", "", "]", "", "\n", " ").Replace(match[1]))
		}
	}
	return lines
}

func TestCommandThatDoesNotExistIsFound(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"nowhere", "rollout nowhere NAME", "vet --nowhere llama.yaml"} {
		if err := checkCommand(line); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("nufi %s: %v", line, err)
		}
	}
}

func checkCommand(line string) error {
	root := newCommand()
	root.InitDefaultCompletionCmd("completion")
	root.InitDefaultVersionFlag()
	words := strings.Fields(line)
	command, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	for _, word := range words {
		if strings.HasPrefix(word, "-") && word != "-" && !hasFlag(command, strings.SplitN(word, "=", 2)[0]) {
			return fmt.Errorf("%q has no flag %s", command.CommandPath(), word)
		}
	}
	// Find checks only the names directly below the root.
	if command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("%q has no command %s", command.CommandPath(), rest[0])
	}
	return nil
}

func hasFlag(command *cobra.Command, word string) bool {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		return command.Flag(name) != nil
	}
	return command.Flags().ShorthandLookup(word[1:2]) != nil || command.InheritedFlags().ShorthandLookup(word[1:2]) != nil
}
