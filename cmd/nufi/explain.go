package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/internal/render"
)

var errNoSuchField = errors.New("no manifest has this field")

func newExplainCommand() *cobra.Command {
	var input inputFlags
	var format outputFlag
	cmd := &cobra.Command{
		Use:   "explain -f FILE [PATH]",
		Short: "Print the source of each field of each manifest",
		Long: `Print the source of each field of each manifest: a line of the user's file, a line of the
platform's policy, a fact about the accelerator, the template, or the project, if its Project
is among the files. A computed value has several sources.

PATH limits the output to one field and what is below it, in one manifest
(deployment/llama-8b:spec.replicas, or deployment:spec.replicas) or in all of them
(spec.replicas).`,
		Example: `  nufi explain -f llama-8b.yaml
  nufi explain -f llama-8b.yaml spec.template.spec.containers[0].image
  nufi explain -f llama-8b.yaml deployment:spec.template.spec.volumes -o json`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			type outputs = output[[]render.Explanation]
			write, err := choose(format.output, outputs{"table", printExplanations}, outputs{"json", printExplanationsJSON})
			if err != nil {
				return err
			}
			var all []render.Explanation
			violations := input.each(cmd, func(result *render.Manifests) error {
				explanations, err := result.Explain()
				all = append(all, explanations...)
				return err
			})
			if len(args) == 1 {
				if all = below(all, args[0]); len(all) == 0 && violations == nil {
					return fmt.Errorf("%s: %w", args[0], errNoSuchField)
				}
			}
			return errors.Join(write(cmd.OutOrStdout(), all), violations)
		},
	}
	input.explains = true
	input.add(cmd)
	format.addOutput(cmd)
	return cmd
}

// below returns the explanations at or below target: [KIND[/NAME]:]PATH.
func below(all []render.Explanation, target string) []render.Explanation {
	object, path, named := strings.Cut(target, ":")
	if !named {
		object, path = "", target
	}
	var kept []render.Explanation
	for _, explanation := range all {
		kind, _, _ := strings.Cut(explanation.Object, "/")
		if object != "" && object != kind && object != explanation.Object {
			continue
		}
		rest, under := strings.CutPrefix(explanation.Path, path)
		if under && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			kept = append(kept, explanation)
		}
	}
	return kept
}

func printExplanations(w io.Writer, all []render.Explanation) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	object := ""
	for _, explanation := range all {
		if explanation.Object != object {
			object = explanation.Object
			_, _ = fmt.Fprintf(table, "%s\n", object)
		}
		sources := make([]string, len(explanation.Sources))
		for i, source := range explanation.Sources {
			sources[i] = sourceText(source)
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", explanation.Path, explanation.Value, strings.Join(sources, ", "))
	}
	return table.Flush()
}

func sourceText(source render.Source) string {
	if !source.Position.IsValid() {
		return string(source.Kind)
	}
	return fmt.Sprintf("%s %s:%d", source.Kind, source.Position.Filename, source.Position.Line)
}

func printExplanationsJSON(w io.Writer, all []render.Explanation) error {
	type from struct {
		Source render.SourceKind `json:"source"`
		File   string            `json:"file,omitempty"`
		Line   int               `json:"line,omitempty"`
	}
	type line struct {
		Object string          `json:"object"`
		Path   string          `json:"path"`
		Value  json.RawMessage `json:"value"`
		From   []from          `json:"from"`
	}
	lines := make([]line, len(all))
	for i, explanation := range all {
		lines[i] = line{Object: explanation.Object, Path: explanation.Path, Value: json.RawMessage(explanation.Value)}
		for _, source := range explanation.Sources {
			lines[i].From = append(lines[i].From, from{source.Kind, source.Position.Filename, source.Position.Line})
		}
	}
	return writeJSON(w, lines)
}
