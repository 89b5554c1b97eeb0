package render

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
)

// Accelerators names the accelerator of each extended resource that pods ask for devices
// by.
func (t *Templates) Accelerators() (map[string]string, error) {
	content, err := t.project.value.LookupPath(cue.MakePath(cue.Hid("_facts", "dudaji.com/nufi/schemas/project@v1"))).MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("reading the accelerators: %w", oneLine(err))
	}
	var facts map[string]struct {
		Resource string   `json:"resource"`
		Aliases  []string `json:"aliases"`
	}
	if err := json.Unmarshal(content, &facts); err != nil {
		return nil, fmt.Errorf("reading the accelerators: %w", err)
	}
	names := map[string]string{}
	for name, fact := range facts {
		for _, resource := range append(fact.Aliases, fact.Resource) {
			names[resource] = name
		}
	}
	return names, nil
}
