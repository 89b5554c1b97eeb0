package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStepsPrintALineWithTheDurationOfEachStep(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	s := newSteps(&out, func() time.Time { return clock })
	s.report("compiling", "")
	clock = clock.Add(100 * time.Second)
	s.report("compiling", "1 package, now etcd")
	s.print()
	clock = clock.Add(30*time.Second + 400*time.Millisecond)
	s.report("starting", "")
	clock = clock.Add(1250 * time.Millisecond)
	s.print()
	s.end()
	s.print()
	s.close()

	want := "  1m40s  compiling: 1 package, now etcd ...\n" +
		"  2m10s  compiling\n" +
		"   1.2s  starting\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestStepsRewriteAndTruncateATerminalLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	s := &steps{out: &out, terminal: true, now: func() time.Time { return clock }}
	s.report("compiling", "k8s.io/kubernetes/pkg/controller/with/a/path/that/is/longer/than/any/terminal/is/wide")
	s.print()
	s.end()

	want := "\r\033[K   0.0s  compiling: k8s.io/kubernetes/pkg/controller/with/a/path/that/is/longer" +
		"\r\033[K   0.0s  compiling\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
