package dashboard

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dudaji/nufi/apiserver/traffic"
)

// The size of a chart, and of the part within its axes, in units of its own.
const (
	chartWidth, chartHeight = 420, 170
	plotLeft, plotRight     = 50, 400
	plotTop, plotBottom     = 10, 146
	gridLines, ticksOfTime  = 4, 4
)

// chart is a line chart as SVG.
type chart struct {
	Name          string // with its key in words
	Width, Height int
	Left, Right   int
	Lines         []chartLine
	Values        []chartTick // of the vertical axis
	Times         []chartTick
	Newest        []newest
}

// chartLine is a series. A gap of the values is a gap of the path.
type chartLine struct {
	Path string
	Name traffic.Name
}

// chartTick is a label of an axis at a position.
type chartTick struct {
	At   int
	Text string
}

// newest is the last value of a series, "" if there is none.
type newest struct {
	Name traffic.Name
	Text string
}

// newChart returns the chart of series that have one unit.
func newChart(name string, series []traffic.Series, start time.Time, step time.Duration) chart {
	unit := series[0].Unit
	top := niceMaximum(series, unit)
	c := chart{Name: name, Width: chartWidth, Height: chartHeight, Left: plotLeft, Right: plotRight}
	for _, s := range series {
		c.Lines = append(c.Lines, chartLine{pathOf(s.Values, top), s.Name})
		c.Newest = append(c.Newest, newest{s.Name, valueText(s.Values[len(s.Values)-1], unit)})
	}
	for i := range gridLines + 1 {
		value := top * float64(i) / gridLines
		c.Values = append(c.Values, chartTick{int(math.Round(yOf(value, top))), tickText(value, unit)})
	}
	count := len(series[0].Values) - 1
	for i := range ticksOfTime + 1 {
		index := count * i / ticksOfTime
		c.Times = append(c.Times, chartTick{int(math.Round(xOf(index, count))), start.Add(time.Duration(index) * step).UTC().Format("15:04")})
	}
	return c
}

// pathOf returns a path with a new start after each gap. A lone value is a dot, by a line of no length
// with a round end.
func pathOf(values []*float64, top float64) string {
	var path strings.Builder
	for i, value := range values {
		switch {
		case value == nil:
			continue
		case i > 0 && values[i-1] != nil:
			path.WriteByte('L')
		default:
			path.WriteByte('M')
		}
		point := coordinate(xOf(i, len(values)-1)) + " " + coordinate(yOf(*value, top))
		path.WriteString(point)
		if isLone(values, i) {
			path.WriteString("L" + point)
		}
	}
	return path.String()
}

func isLone(values []*float64, i int) bool {
	return (i == 0 || values[i-1] == nil) && (i == len(values)-1 || values[i+1] == nil)
}

func xOf(index, last int) float64 {
	return plotLeft + float64(plotRight-plotLeft)*float64(index)/float64(last)
}

func yOf(value, top float64) float64 {
	return plotBottom - float64(plotBottom-plotTop)*value/top
}

func coordinate(value float64) string { return strconv.FormatFloat(value, 'f', 1, 64) }

// niceMaximum returns the top of the vertical axis, whose quarters have short labels.
func niceMaximum(series []traffic.Series, unit traffic.Unit) float64 {
	largest := 0.0
	for _, s := range series {
		for _, value := range s.Values {
			if value != nil {
				largest = max(largest, *value)
			}
		}
	}
	switch {
	case unit == traffic.UnitRatio && largest <= 1:
		return 1
	case largest == 0:
		return gridLines
	}
	quarter := largest / gridLines
	if unit == traffic.UnitRequests {
		quarter = max(quarter, 1)
	}
	power := math.Pow(10, math.Floor(math.Log10(quarter)))
	for _, factor := range []float64{1, 2, 5} {
		if quarter <= factor*power {
			return gridLines * factor * power
		}
	}
	return gridLines * 10 * power
}

// tickText returns the label of a value of the vertical axis.
func tickText(value float64, unit traffic.Unit) string {
	switch {
	case unit == traffic.UnitRatio:
		return strconv.FormatFloat(100*value, 'f', -1, 64) + "%"
	case unit == traffic.UnitSeconds && value > 0 && value < 1:
		return strconv.FormatFloat(1e3*value, 'g', 4, 64) + " ms"
	case unit == traffic.UnitSeconds && value > 0:
		return strconv.FormatFloat(value, 'g', 4, 64) + " s"
	case value >= 1e3:
		return strconv.FormatFloat(value/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(value, 'g', 4, 64)
}
