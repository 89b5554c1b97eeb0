package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

var errNoSuchOutput = errors.New("there is no such output")

// outputFlag selects a table or JSON.
type outputFlag struct{ output string }

func (f *outputFlag) addOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "table", "table or json")
}

// printer returns the function that prints content by an output flag.
func printer[T any](f outputFlag, table func(io.Writer, T) error) (func(io.Writer, T) error, error) {
	switch f.output {
	case "table":
		return table, nil
	case "json":
		return func(w io.Writer, content T) error { return writeJSON(w, content) }, nil
	default:
		return nil, fmt.Errorf("-o %s: %w: use table or json", f.output, errNoSuchOutput)
	}
}

// writeJSON writes the output of -o json.
func writeJSON(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}
