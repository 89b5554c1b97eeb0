package render

import "cuelang.org/go/cue"

// ShareEdited shares renders of templates that are not those in this program.
func (t *Templates) ShareEdited() { t.shares = true }

// Export and ExportJSON export a value of CUE, the second by way of CUE's JSON.
func Export(value cue.Value) (any, error) { return export(value) }

func ExportJSON(value cue.Value) (exported any, err error) { return exported, decode(value, &exported) }

// Value returns the evaluated templates.
func (m *Manifests) Value() cue.Value { return m.evaluation.value }
