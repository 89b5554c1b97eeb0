package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// inputFlags are those of the commands that read NpuDeploys and Projects.
type inputFlags struct {
	files     []string
	templates string
}

func (f *inputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "file or folder with NpuDeploys and Projects, - for standard input; may be repeated")
	cmd.Flags().StringVar(&f.templates, "templates", "", "folder of a CUE module to render with, instead of the one compiled in")
	_ = cmd.MarkFlagRequired("filename")
}

// set compiles the templates that the flags name.
func (f *inputFlags) set() (*render.Templates, error) {
	store, err := templates.Open(f.templates, templates.Hooks{})
	if err != nil {
		return nil, err
	}
	return store.Serving(), nil
}

// each renders every document in order. Faults go to errs, a line each, and do not end
// it; the error says that there were some.
func (f *inputFlags) each(cmd *cobra.Command, rendered func(document, *render.Manifests) error) error {
	return f.eachWith(cmd, func(string) (render.ProjectSettings, error) { return render.ProjectSettings{}, nil }, rendered)
}

// eachWith is each, where more is known of a namespace than the documents say: one with
// no Project among them has the facts that elsewhere returns.
func (f *inputFlags) eachWith(
	cmd *cobra.Command, elsewhere func(namespace string) (render.ProjectSettings, error), rendered func(document, *render.Manifests) error,
) error {
	documents, err := readDocuments(f.files, cmd.InOrStdin())
	if err != nil {
		return err
	}
	set, err := f.set()
	if err != nil {
		return err
	}
	among := factsAmong(documents)
	faulty := false
	for _, document := range documents {
		facts, known := among[document.namespace()]
		if !known {
			if facts, err = elsewhere(document.namespace()); err != nil {
				return err
			}
		}
		result, err := set.RenderManifests(document.file, document.content, facts)
		if err != nil {
			printFaults(cmd.ErrOrStderr(), document.file, err)
			faulty = true
			continue
		}
		if err := rendered(document, result); err != nil {
			return err
		}
	}
	if faulty {
		return &exitError{code: exitDifferent}
	}
	return nil
}

// printFaults writes one line for each fault: file:line:column: path: message.
func printFaults(w io.Writer, file string, err error) {
	var faults *render.Error
	if !errors.As(err, &faults) {
		_, _ = fmt.Fprintf(w, "%s: %v\n", file, err)
		return
	}
	for _, fault := range faults.Violations {
		where := file
		if fault.Position.IsValid() {
			where = fault.Position.String()
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", where, fault)
	}
}

func newRenderCommand() *cobra.Command {
	var input inputFlags
	var output string
	cmd := &cobra.Command{
		Use:   "render -f FILE",
		Short: "Print the manifests that NpuDeploys and Projects yield",
		Long: `Print the manifests that NpuDeploys and Projects yield, as the controller would apply them.

No cluster is asked: an NpuDeploy follows the Project of its namespace if that is among the
files. Faults are printed to standard error, a line each with the path of the field, and the
exit code is then 1; what has no fault is printed all the same.`,
		Example: `  nufi render -f llama-8b.yaml
  nufi render -f deploys/ -o json | jq '.items[].kind'
  cat llama-8b.yaml | nufi render -f - | kubectl apply --dry-run=server -f -`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, err := objectPrinter(output)
			if err != nil {
				return err
			}
			var objects []*unstructured.Unstructured
			faults := input.each(cmd, func(_ document, result *render.Manifests) error {
				objects = append(objects, result.Objects...)
				return nil
			})
			return errors.Join(write(cmd.OutOrStdout(), objects), faults)
		},
	}
	input.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	return cmd
}

func objectPrinter(output string) (func(io.Writer, []*unstructured.Unstructured) error, error) {
	switch output {
	case "yaml":
		return printYAML, nil
	case "json":
		return printJSON, nil
	default:
		return nil, fmt.Errorf("-o %s: %w: use yaml or json", output, errNoSuchOutput)
	}
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

// printJSON writes a v1 List, which kubectl takes.
func printJSON(w io.Writer, objects []*unstructured.Unstructured) error {
	items := make([]any, len(objects))
	for i, object := range objects {
		items[i] = object.Object
	}
	return writeJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}
