package outage_test

import (
	"errors"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/outage"
)

func TestErrorIsLoggedWhenItBeginsChangesAndEnds(t *testing.T) {
	var lines []string
	logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	full, readOnly := errors.New("no space left on device"), errors.New("read-only file system")
	var log outage.Log
	for _, err := range []error{nil, full, full, readOnly, nil, nil, readOnly} {
		log.Record(logger, err, "Could not write", "Wrote again")
	}
	want := []string{
		`"msg"="Could not write" "error"="no space left on device"`,
		`"msg"="Could not write" "error"="read-only file system"`,
		`"level"=0 "msg"="Wrote again"`,
		`"msg"="Could not write" "error"="read-only file system"`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
