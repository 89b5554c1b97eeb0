package fetchers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// readResponse decodes series by series, and calls add with each, which is overwritten by the next: the
// whole response is never in memory. Fields may come in any order. It returns the warnings.
func readResponse(body io.Reader, add func(*series)) ([]string, error) {
	bounded := &boundedElements{Reader: body}
	d := &decoding{Decoder: json.NewDecoder(bounded), bounded: bounded, add: add}
	err := d.object(d.envelope)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return d.warnings, d.validate()
		}
		err = errShape
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

var errShape = errors.New("unexpected JSON")

// maxElement is the size of the largest series or other value, in bytes, which the decoder has in memory as a whole.
const maxElement = 8 << 20

// boundedElements fails if an element does not end within maxElement.
type boundedElements struct {
	io.Reader
	read int // since the last element
}

func (b *boundedElements) Read(p []byte) (int, error) {
	if b.read > maxElement {
		return 0, fmt.Errorf("%w: a value of more than %d bytes", ErrTooLarge, maxElement)
	}
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

type decoding struct {
	*json.Decoder
	bounded                                *boundedElements
	status, errorType, message, resultType string

	series   series
	add      func(*series)
	warnings []string
}

func (d *decoding) validate() error {
	switch {
	case d.status == "error":
		return fmt.Errorf("%w: %s: %s", ErrRejected, sanitize(d.errorType), sanitize(d.message))
	case d.status != "success":
		return fmt.Errorf("%w: status %q", ErrNotPrometheus, sanitize(d.status))
	case d.resultType != "matrix" && d.resultType != "vector":
		return fmt.Errorf("%w: %q instead of series", ErrNotPrometheus, sanitize(d.resultType))
	}
	return nil
}

func (d *decoding) envelope(name string) error {
	switch name {
	case "status":
		return d.Decode(&d.status)
	case "errorType":
		return d.Decode(&d.errorType)
	case "error":
		return d.Decode(&d.message)
	case "warnings":
		return d.Decode(&d.warnings)
	case "isPartial":
		return d.partial()
	case "data":
		return d.object(d.data)
	}
	return d.skip()
}

// partial reads the field that VictoriaMetrics's vmselect has instead of a warning
// (docs.victoriametrics.com/guides/vm-architectures).
func (d *decoding) partial() error {
	isPartial := false
	err := d.Decode(&isPartial)
	if isPartial {
		d.warnings = append(d.warnings, "the response is partial")
	}
	return err
}

func (d *decoding) data(name string) error {
	switch name {
	case "resultType":
		return d.Decode(&d.resultType)
	case "result":
		return d.result()
	}
	return d.skip()
}

func (d *decoding) skip() error {
	var ignored json.RawMessage
	return d.Decode(&ignored)
}

// object calls read with each field's name; read decodes its value. Null has no fields.
func (d *decoding) object(read func(name string) error) error {
	if more, err := d.open('{'); err != nil || !more {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		d.bounded.read = 0
		if err := read(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (d *decoding) result() error {
	if more, err := d.open('['); err != nil || !more {
		return err
	}
	for d.More() {
		d.bounded.read = 0
		d.series = series{Values: d.series.Values[:0]}
		if err := d.Decode(&d.series); err != nil {
			return err
		}
		d.add(&d.series)
	}
	_, err := d.Token()
	return err
}

// open is false for null.
func (d *decoding) open(want json.Delim) (bool, error) {
	token, err := d.Token()
	if err == nil && token != nil && token != want {
		err = errShape
	}
	return token != nil, err
}

// series is an element of a matrix or a vector. A series of native histograms has no values.
type series struct {
	Metric metric  `json:"metric"`
	Value  *point  `json:"value"`
	Values []point `json:"values"`
}

func (s *series) newest() (point, bool) {
	if n := len(s.Values); n > 0 {
		return s.Values[n-1], true
	}
	if s.Value != nil {
		return *s.Value, true
	}
	return point{}, false
}

type metric map[string]string

func (m metric) Get(name string) string { return m[name] }

// point is a pair of seconds and a number as text: [1767225600.5,"NaN"].
type point struct {
	time  time.Time
	value float64
}

// UnmarshalJSON receives well-formed JSON.
func (p *point) UnmarshalJSON(text []byte) error {
	stamp, number, found := bytes.Cut(bytes.Trim(text, "[] \t\r\n"), []byte(","))
	number = bytes.TrimSpace(number)
	if !found || len(number) < 2 || number[0] != '"' || number[len(number)-1] != '"' {
		return errShape
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(stamp)), 64)
	if err != nil || math.Abs(seconds) > 1<<40 {
		return errShape
	}
	p.value, err = strconv.ParseFloat(string(number[1:len(number)-1]), 64)
	if err != nil {
		return errShape
	}
	p.time = time.UnixMilli(int64(math.Round(seconds * 1e3)))
	return nil
}
