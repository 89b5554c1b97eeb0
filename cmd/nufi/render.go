package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// inputFlags are the flags of the commands that read NpuDeploys and Projects.
type inputFlags struct {
	files     []string
	templates string
	explains  bool
}

func (f *inputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "file or folder with NpuDeploys and Projects, - for standard input; may be repeated")
	cmd.Flags().StringVar(&f.templates, "templates", "", "folder of a CUE module to render with, instead of the one compiled in")
	_ = cmd.MarkFlagRequired("filename")
}

// set compiles the templates.
func (f *inputFlags) set() (*render.Templates, error) {
	module, err := templates.Module(f.templates)
	if err != nil {
		return nil, err
	}
	if f.explains {
		return render.CompileExplainable(module)
	}
	return render.Compile(module)
}

// each renders every document and calls use for each, in order. It prints violations to
// standard error and continues; the error is then an exitError.
func (f *inputFlags) each(cmd *cobra.Command, use func(*render.Manifests) error) error {
	return f.eachWith(cmd, func(string) (render.ProjectSettings, error) { return render.ProjectSettings{}, nil }, use)
}

// eachWith is each with the settings that lookup returns for a namespace without a Project
// among the documents.
func (f *inputFlags) eachWith(
	cmd *cobra.Command, lookup func(namespace string) (render.ProjectSettings, error), use func(*render.Manifests) error,
) error {
	documents, foreign, err := readDocuments(f.files, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if foreign > 0 {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "nufi: passed over objects of other API groups: %d\n", foreign)
	}
	set, err := f.set()
	if err != nil {
		return err
	}
	byNamespace := settingsIn(documents)
	for _, document := range documents {
		if _, ok := byNamespace[document.Namespace]; !ok {
			if byNamespace[document.Namespace], err = lookup(document.Namespace); err != nil {
				return err
			}
		}
	}
	invalid := false
	for batch := range slices.Chunk(documents, batchSize) {
		for i, rendered := range renderAll(set, batch, byNamespace) {
			if rendered.err != nil {
				printViolations(cmd.ErrOrStderr(), batch[i].File, rendered.err)
				invalid = true
			} else if err := use(rendered.manifests); err != nil {
				return err
			}
		}
	}
	if invalid {
		return &exitError{code: exitDifferent}
	}
	return nil
}

// batchSize bounds the renders that are kept for their order: each takes a megabyte.
const batchSize = 64

type rendered struct {
	manifests *render.Manifests
	err       error
}

// renderAll renders documents on all processors, and returns the results in order.
func renderAll(set *render.Templates, documents []render.Document, settings map[string]render.ProjectSettings) []rendered {
	all := make([]rendered, len(documents))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, document := range documents {
		group.Go(func() error {
			all[i].manifests, all[i].err = set.RenderDocument(document, settings[document.Namespace])
			return nil
		})
	}
	_ = group.Wait() // No function returns an error.
	return all
}

// printViolations writes one line for each violation: file:line:column: path: message.
func printViolations(w io.Writer, file string, err error) {
	invalid, ok := errors.AsType[*render.Error](err)
	if !ok {
		_, _ = fmt.Fprintf(w, "%s: %v\n", file, err)
		return
	}
	for _, violation := range invalid.Violations {
		position := file
		if violation.Position.IsValid() {
			position = violation.Position.String()
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", position, violation)
	}
}

func newRenderCommand() *cobra.Command {
	var input inputFlags
	var format string
	cmd := &cobra.Command{
		Use:   "render -f FILE",
		Short: "Print the manifests that NpuDeploys and Projects render to",
		Long: `Print the manifests that NpuDeploys and Projects render to, as the controller applies them.

The command does not contact a cluster: an NpuDeploy follows the Project of its namespace if
that is among the files. Violations are printed to standard error, a line each with the path
of the field, and the exit code is then 1; valid objects are printed nevertheless.`,
		Example: `  nufi render -f llama-8b.yaml
  nufi render -f deploys/ -o json | jq '.items[].kind'
  cat llama-8b.yaml | nufi render -f - | kubectl apply --dry-run=server -f -`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type outputs = output[[]*unstructured.Unstructured]
			write, err := choose(format, outputs{"yaml", printYAML}, outputs{"json", printJSON})
			if err != nil {
				return err
			}
			var objects []*unstructured.Unstructured
			violations := input.each(cmd, func(result *render.Manifests) error {
				objects = append(objects, result.Objects...)
				return nil
			})
			return errors.Join(write(cmd.OutOrStdout(), objects), violations)
		},
	}
	input.add(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "yaml", "yaml or json")
	completeOutput(cmd, "yaml", "json")
	return cmd
}

func printYAML(w io.Writer, objects []*unstructured.Unstructured) error {
	for i, object := range objects {
		content, err := yaml.Marshal(object.Object)
		if err != nil {
			return err
		}
		if i > 0 {
			content = append([]byte("---\n"), content...)
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return nil
}

// printJSON writes a v1 List, which kubectl accepts.
func printJSON(w io.Writer, objects []*unstructured.Unstructured) error {
	items := make([]any, len(objects))
	for i, object := range objects {
		items[i] = object.Object
	}
	return writeJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}
