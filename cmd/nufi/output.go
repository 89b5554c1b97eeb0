package main

import (
	"encoding/json"
	"errors"
	"io"
)

var errNoSuchOutput = errors.New("there is no such output")

// writeJSON writes the output of -o json.
func writeJSON(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}
