package render

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// maxSpec bounds a spec, in bytes of its JSON. Evaluation has no budget of its own, and
// the lists of Kubernetes' own types have no bound: ten thousand sources of a projected
// volume take seconds.
const maxSpec = 64 << 10

// checkSize rejects a spec that is larger than maxSpec.
func checkSize(spec any) error {
	content, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("measuring the spec: %w", err)
	}
	if len(content) <= maxSpec {
		return nil
	}
	message := fmt.Sprintf("%d bytes are more than the %d that a spec may have: keep large content in a ConfigMap or in the image", len(content), maxSpec)
	return &Error{Violations: []Violation{{Path: "spec", Message: message}}}
}

// checkDocumentSize is checkSize for the spec of a YAML document. It precedes CUE, which
// takes minutes to read a list of a megabyte.
func checkDocumentSize(document []byte) error {
	if spec := specIn(document); spec != nil {
		return checkSize(spec)
	}
	return nil
}

// specIn returns the spec as JSON, nil if there is none. Invalid YAML is reported by CUE, with
// its line.
func specIn(document []byte) json.RawMessage {
	var deploy struct {
		Spec json.RawMessage `json:"spec"`
	}
	if yaml.Unmarshal(document, &deploy) != nil {
		return nil
	}
	return deploy.Spec
}
