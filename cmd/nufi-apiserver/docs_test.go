package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestDocsHaveARowForEachFlag(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api-server.md")
	if err != nil {
		t.Fatal(err)
	}
	newCommand(func(context.Context, flags) error { return nil }).Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(string(page), "\n| `--"+f.Name+"` |") {
			t.Errorf("docs/api-server.md has no row for --%s", f.Name)
		}
	})
}
