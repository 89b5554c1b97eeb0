package fleet

import (
	"fmt"
	"math"
	"strings"
)

// point is what one size of a fleet took.
type point struct {
	Size         int
	Seconds, CPU float64 // until all children were written; of the controller, with statuses
	MiB          float64 // resident
}

// The drawing, in pixels.
const (
	width, height = 640, 360
	left, bottom  = 60, 320
	decade        = 110 // pixels of a factor of ten
)

// draw returns an SVG with one line for each figure, on logarithmic axes: a line of slope one is linear.
func draw(points []point) string {
	var text strings.Builder
	printf := func(format string, values ...any) { fmt.Fprintf(&text, format+"\n", values...) }
	printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height)
	printf(`<rect width="%d" height="%d" fill="#fff"/>`, width, height)
	for exponent := range 4 {
		size := math.Pow10(exponent + 1)
		printf(`<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`, x(size), bottom+20, size)
		printf(`<text x="%d" y="%.0f" text-anchor="end">%.0f</text>`, left-8, y(size/10)+4, size/10)
		printf(`<path d="M%d %.0fH%d" stroke="#ddd"/>`, left, y(size/10), width-140)
	}
	for i, line := range []struct {
		name, color string
		value       func(point) float64
	}{
		{"seconds until written", "#1f77b4", func(p point) float64 { return p.Seconds }},
		{"seconds of CPU", "#d62728", func(p point) float64 { return p.CPU }},
		{"MiB resident", "#2ca02c", func(p point) float64 { return p.MiB }},
	} {
		path := make([]string, 0, len(points))
		for _, p := range points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(float64(p.Size)), y(line.value(p))))
		}
		printf(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, strings.Join(path, " "), line.color)
		printf(`<text x="%d" y="%d" fill="%s">%s</text>`, width-130, 40+20*i, line.color, line.name)
	}
	printf(`<text x="%d" y="%d" text-anchor="middle">NpuDeploys</text>`, width/2, height-4)
	printf(`</svg>`)
	return text.String()
}

func x(size float64) float64  { return left + decade*(math.Log10(size)-1) }
func y(value float64) float64 { return bottom - 70*math.Log10(math.Max(value, 1)) }
