// Command gen writes the reference sections of the documentation: flags, metrics, routes, reasons of
// conditions, and types of accelerators. A section is the text between these two lines of a page:
//
//	<!-- begin generated: NAME -->
//	<!-- end generated -->
//
// Run it in the repository's root.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	begin  = "<!-- begin generated: "
	end    = "<!-- end generated -->"
	suffix = " -->\n"
)

// sections returns the text of each section by name.
func sections() map[string]func(context.Context) (string, error) {
	return map[string]func(context.Context) (string, error){
		"flags nufi-controller":     flagsOf("nufi-controller"),
		"flags nufi-apiserver":      flagsOf("nufi-apiserver"),
		"flags nufi-deviceplugin":   flagsOf("nufi-deviceplugin"),
		"metrics nufi-controller":   controllerMetrics,
		"metrics nufi-apiserver":    apiServerMetrics,
		"metrics nufi-deviceplugin": devicePluginMetrics,
		"routes":                    routes,
		"reasons":                   reasons,
		"accelerators":              accelerators,
	}
}

func main() {
	if err := run(context.Background(), "docs"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run rewrites the pages of a folder. Every section must be on a page.
func run(ctx context.Context, dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	missing := sections()
	for _, page := range pages {
		text, err := os.ReadFile(page) //nolint:gosec // A page of the documentation.
		if err != nil {
			return err
		}
		updated, err := rewrite(string(text), func(name string) (string, error) {
			section, ok := sections()[name]
			if !ok {
				return "", fmt.Errorf("unknown section %q", name)
			}
			delete(missing, name)
			return section(ctx)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if err := os.WriteFile(page, []byte(updated), 0o644); err != nil { //nolint:gosec // Documentation is public.
			return err
		}
	}
	for name := range missing {
		return fmt.Errorf("no page has the section %q", name)
	}
	return nil
}

var errNotClosed = errors.New("a section has no end")

// rewrite replaces the text of each section of a page.
func rewrite(page string, section func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(page, begin)
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, rest, ok := strings.Cut(rest, suffix)
		if !ok {
			return "", errNotClosed
		}
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			return "", errNotClosed
		}
		text, err := section(name)
		if err != nil {
			return "", fmt.Errorf("section %q: %w", name, err)
		}
		out.WriteString(begin + name + suffix + "\n" + text + "\n" + end)
		page = after
	}
}

// table returns a Markdown table.
func table(header []string, rows [][]string) string {
	var out strings.Builder
	line := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	line(header)
	out.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, row := range rows {
		line(row)
	}
	return out.String()
}
