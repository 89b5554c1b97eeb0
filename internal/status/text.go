package status

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastLine returns the last line of a log that is not blank.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// timestamp prints a point in time. An age would change while nothing happens.
func timestamp(at metav1.Time) string {
	return at.UTC().Format(time.RFC3339)
}

// plural returns "1 pod", "2 pods".
func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(count) + " " + noun + "s"
}
