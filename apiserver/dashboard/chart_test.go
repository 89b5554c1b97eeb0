package dashboard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/traffic"
)

// valuesOf returns values in which a negative number stands for none.
func valuesOf(numbers ...float64) []*float64 {
	values := make([]*float64, len(numbers))
	for i := range numbers {
		if numbers[i] >= 0 {
			values[i] = &numbers[i]
		}
	}
	return values
}

func TestPathHasGapsWhereThereAreNoValues(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values []*float64
		want   string
	}{
		"no values":       {valuesOf(-1, -1), ""},
		"zero is drawn":   {valuesOf(0, 0), "M50.0 146.0L400.0 146.0"},
		"gap":             {valuesOf(4, 0, -1, 0, 4, -1, -1, 4), "M50.0 10.0L100.0 146.0M200.0 146.0L250.0 10.0M400.0 10.0L400.0 10.0"},
		"value by itself": {valuesOf(-1, 2, -1), "M225.0 78.0L225.0 78.0"},
	} {
		if got := pathOf(test.values, 4); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestAxisHasShortLabelsAboveTheLargestValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		largest float64
		unit    traffic.Unit
		want    string
	}{
		{0, traffic.UnitRequests, "0 1 2 3 4"},
		{3, traffic.UnitRequests, "0 1 2 3 4"},
		{17, traffic.UnitRequests, "0 5 10 15 20"},
		{7800, traffic.UnitTokensPerSecond, "0 2k 4k 6k 8k"},
		{0.31, traffic.UnitSeconds, "0 100 ms 200 ms 300 ms 400 ms"},
		{6, traffic.UnitSeconds, "0 2 s 4 s 6 s 8 s"},
		{0.4, traffic.UnitRatio, "0% 25% 50% 75% 100%"},
	} {
		c := newChart("requests", []traffic.Series{{Unit: test.unit, Values: valuesOf(test.largest, -1)}}, time.Unix(0, 0), time.Minute)
		var labels []string
		for _, tick := range c.Values {
			labels = append(labels, tick.Text)
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("%v %s: %s, want %s", test.largest, test.unit, got, test.want)
		}
	}
}

func TestTrafficTableHasTheNewestValuesFirst(t *testing.T) {
	t.Parallel()
	view := newTrafficView(&traffic.Traffic{Start: time.Date(2026, 1, 1, 9, 58, 0, 0, time.UTC), Step: 60, Series: []traffic.Series{
		{Name: traffic.RequestsRunning, Unit: traffic.UnitRequests, Values: valuesOf(2, -1, 0)},
		{Name: traffic.FirstTokenP95, Unit: traffic.UnitSeconds, Values: valuesOf(0.25, 1.5, -1)},
	}})
	want := []trafficRow{{"10:00", []string{"0", ""}}, {"09:59", []string{"", "1.5 s"}}, {"09:58", []string{"2", "250 ms"}}}
	if diff := cmp.Diff(want, view.Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	names := []string{}
	for _, chart := range view.Charts {
		names = append(names, chart.Name)
	}
	if !slices.Equal(names, []string{"requests", "firstToken"}) {
		t.Errorf("the charts are %v", names)
	}
}
