package status

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds a condition's message in bytes: one screen, not a log.
const maxMessage = 1024

// line makes one bounded line of text that others wrote. Logs, events and webhook
// answers are not to be trusted: control and invisible formatting characters could
// rewrite a terminal or reorder what is read.
func line(text string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, withoutColour(strings.ToValidUTF8(text, "?")))
	return shorten(strings.Join(strings.Fields(visible), " "), maxMessage)
}

// withoutColour removes terminal sequences such as ESC [31m whole: without their
// first character they would be noise.
func withoutColour(text string) string {
	parts := strings.Split(text, "\x1b[")
	for i := range parts[1:] {
		part := strings.TrimLeft(parts[i+1], "0123456789;:?")
		parts[i+1] = part[min(1, len(part)):]
	}
	return strings.Join(parts, "")
}

// shorten cuts text to at most limit bytes, on a rune's boundary.
func shorten(text string, limit int) string {
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

// lastLine returns the last line of a log that says something.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// moment prints a point in time. Ages would change while nothing happens.
func moment(at metav1.Time) string {
	return at.UTC().Format(time.RFC3339)
}

// plural returns "1 pod", "2 pods".
func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(count) + " " + noun + "s"
}
