package fleet

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestCurveHasALineForEachFigure(t *testing.T) {
	t.Parallel()
	text := draw([]point{{Size: 100, Seconds: 1, CPU: 10, MiB: 100}, {Size: 1000, Seconds: 10, CPU: 100, MiB: 1000}})
	var drawing struct {
		Lines []struct {
			Points string `xml:"points,attr"`
		} `xml:"polyline"`
	}
	if err := xml.Unmarshal([]byte(text), &drawing); err != nil {
		t.Fatal(err)
	}
	want := []string{"170.0,320.0 280.0,250.0", "170.0,250.0 280.0,180.0", "170.0,180.0 280.0,110.0"}
	if len(drawing.Lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(drawing.Lines), len(want), text)
	}
	for i, line := range drawing.Lines {
		if line.Points != want[i] {
			t.Errorf("line %d is %s, want %s", i, line.Points, want[i])
		}
	}
	if !strings.Contains(text, "NpuDeploys") {
		t.Error("the axis has no title")
	}
}
