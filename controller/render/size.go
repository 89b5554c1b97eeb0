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

// checkSize refuses a spec that is larger than maxSpec.
func checkSize(spec any) error {
	content, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("measuring the spec: %w", err)
	}
	if len(content) <= maxSpec {
		return nil
	}
	message := fmt.Sprintf("%d bytes are more than the %d that a spec may have: keep large content in a ConfigMap or in the image", len(content), maxSpec)
	return &Error{Faults: []Fault{{Path: "spec", Message: message}}}
}

// checkDocumentSize is checkSize for the spec of a YAML document. It comes before CUE
// sees the document, which takes minutes for a list of a megabyte. What is no YAML, CUE
// refuses with the line.
func checkDocumentSize(document []byte) error {
	var deploy struct {
		Spec json.RawMessage `json:"spec"`
	}
	if yaml.Unmarshal(document, &deploy) != nil || deploy.Spec == nil {
		return nil
	}
	return checkSize(deploy.Spec)
}
