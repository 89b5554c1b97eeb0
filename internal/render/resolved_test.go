package render

import (
	"strings"
	"testing"
)

// Templates that were edited may resolve any number.
func TestResolvedNumberThatIsTooLargeIsRejected(t *testing.T) {
	t.Parallel()
	var resolved Resolved
	err := resolved.read(map[string]any{"placementSeconds": int64(1<<32 + 1)}, nil)
	if err == nil || !strings.Contains(err.Error(), "placementSeconds") {
		t.Errorf("error %v, want one that names placementSeconds", err)
	}
}
