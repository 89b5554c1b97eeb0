// Package message makes text that others wrote fit for a condition, an event or a log
// line. Logs, events and webhook answers are untrusted: control and formatting characters
// could rewrite a terminal or reorder what is read.
package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text as one line of at most limit bytes, without control characters,
// invisible formatting characters and terminal sequences.
func Line(text string, limit int) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, withoutEscapes(strings.ToValidUTF8(text, "?")))
	return Truncate(strings.Join(strings.Fields(visible), " "), limit)
}

// Truncate shortens text to at most limit bytes, on a rune's boundary, and marks that with
// an ellipsis.
func Truncate(text string, limit int) string {
	const ellipsis = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// withoutEscapes removes whole terminal sequences such as ESC [31m: without their first
// character they would be noise.
func withoutEscapes(text string) string {
	parts := strings.Split(text, "\x1b[")
	for i := range parts[1:] {
		part := strings.TrimLeft(parts[i+1], "0123456789;:?")
		parts[i+1] = part[min(1, len(part)):]
	}
	return strings.Join(parts, "")
}
