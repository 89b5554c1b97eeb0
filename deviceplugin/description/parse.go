package description

import (
	"cmp"
	_ "embed" // the X330's description
	stdjson "encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

//go:embed x330.yaml
var x330 []byte

// X330 returns the embedded description of the Sapeon X330.
func X330() (Description, error) {
	return Parse(x330)
}

// Load reads a description from a file.
func Load(file string) (Description, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return Description{}, fmt.Errorf("reading the device description: %w", err)
	}
	d, err := Parse(data)
	if err != nil {
		return Description{}, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// Parse decodes, completes and validates a description. An unknown field is an error,
// so that a misspelt field is not silently a default.
func Parse(data []byte) (Description, error) {
	d, err := decode(data)
	if err != nil {
		return Description{}, fmt.Errorf("decoding the device description: %w", err)
	}
	d.complete()
	if errs := d.validate(); len(errs) > 0 {
		return Description{}, fmt.Errorf("validating the device description:\n%w", join(errs))
	}
	return d, nil
}

// decode is strict: fields are case-sensitive, none occurs twice, and there is one document.
func decode(data []byte) (Description, error) {
	var d Description
	if documents := documents(data); documents > 1 {
		return d, fmt.Errorf("got %d documents, want one: each accelerator has a plugin of its own", documents)
	}
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return d, err
	}
	strict, err := json.UnmarshalStrict(text, &d)
	if err == nil {
		return d, errors.Join(strict...)
	}
	mismatch, ok := errors.AsType[*stdjson.UnmarshalTypeError](err)
	if !ok {
		return d, err
	}
	switch kind := mismatch.Type.Kind(); {
	case kind == reflect.String && (mismatch.Value == "number" || mismatch.Value == "bool"):
		return d, fmt.Errorf("%s: write the value in quotes, and a duration with its unit (500ms): YAML reads it as a %s", mismatch.Field, mismatch.Value)
	case kind == reflect.Slice:
		return d, fmt.Errorf("%s: must be a list: [value]", mismatch.Field)
	}
	return d, fmt.Errorf("%s: got a %s, want a %s", mismatch.Field, mismatch.Value, mismatch.Type)
}

// documents counts the YAML documents with more than comments.
func documents(data []byte) int {
	count, empty := 0, true
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "---") {
			empty = true
		} else if line = strings.TrimSpace(line); empty && line != "" && line[0] != '#' {
			empty = false
			count++
		}
	}
	return count
}

// join puts each error on its own line.
func join(errs field.ErrorList) error {
	lines := make([]error, len(errs))
	for i, err := range errs {
		lines[i] = err
	}
	return errors.Join(lines...)
}

// complete applies defaults. Half a second and two of three probes report a failure to
// the kubelet within two seconds.
func (d *Description) complete() {
	h := &d.Health
	orDuration(&h.Interval, 500*time.Millisecond)
	orDuration(&h.Timeout, 2*time.Second)
	orDuration(&h.Rescan, 5*time.Second)
	orDuration(&h.StaleAfter, 30*time.Second)
	orDuration(&h.ForgetAfter, 10*time.Minute)
	if h.Fail.Bad == 0 && h.Fail.Of == 0 {
		h.Fail.Bad, h.Fail.Of = 2, 3
	}
	if h.Recover.Good == 0 {
		h.Recover.Good = 5
	}
	if h.Recover.Dwell == nil {
		h.Recover.Dwell = &metav1.Duration{Duration: 10 * time.Second}
	}
	for i := range h.Attributes {
		h.Attributes[i].complete()
	}
	d.PCI.Functions = cmp.Or(d.PCI.Functions, FunctionsAll)
	d.Container.complete()
	orDuration(&d.Preparation.Timeout, 20*time.Second)
	if d.Preparation.Free != nil {
		d.Preparation.Free.complete()
	}
	for i := range d.Telemetry {
		if d.Telemetry[i].Divisor == 0 {
			d.Telemetry[i].Divisor = 1
		}
	}
}

func (c *Container) complete() {
	c.EnvironmentValue = cmp.Or(c.EnvironmentValue, EnvironmentID)
	for i := range c.Mounts {
		if c.Mounts[i].ReadOnly == nil {
			c.Mounts[i].ReadOnly = new(true)
		}
	}
}

func (a *Attribute) complete() {
	if a.WhenAbsent == "" {
		a.WhenAbsent = AbsenceUnknown
	}
}

func orDuration(field *metav1.Duration, preset time.Duration) {
	if field.Duration == 0 {
		field.Duration = preset
	}
}
