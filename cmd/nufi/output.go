package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

var errNoSuchOutput = errors.New("there is no such output")

// outputFlag selects a table or JSON.
type outputFlag struct{ output string }

func (f *outputFlag) addOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "table", "table or json")
	completeOutput(cmd, "table", "json")
}

// printer returns the function that prints content by an output flag.
func printer[T any](f outputFlag, table func(io.Writer, T) error) (func(io.Writer, T) error, error) {
	return choose(f.output, output[T]{"table", table}, output[T]{"json", func(w io.Writer, content T) error { return writeJSON(w, content) }})
}

// output is a value of -o, and how it prints content.
type output[T any] struct {
	name  string
	print func(io.Writer, T) error
}

// choose returns the function of the output with the name.
func choose[T any](name string, outputs ...output[T]) (func(io.Writer, T) error, error) {
	var names []string
	for _, each := range outputs {
		if each.name == name {
			return each.print, nil
		}
		names = append(names, each.name)
	}
	return nil, fmt.Errorf("-o %s: %w: use %s", name, errNoSuchOutput, strings.Join(names, " or "))
}

// writeJSON writes the output of -o json.
func writeJSON(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}
