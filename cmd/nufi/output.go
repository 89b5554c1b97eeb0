package main

import (
	"encoding/json"
	"errors"
	"io"
)

var errNoSuchOutput = errors.New("there is no such output")

// writeJSON is -o json of every command.
func writeJSON(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}
