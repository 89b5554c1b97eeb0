package fetchers

import (
	"math"
	"testing"
)

func TestConvertUsesTheSizeOfTheReading(t *testing.T) {
	tests := map[string]struct {
		unit    Unit
		reading float64
		want    float64
		as      string
	}{
		"a percentage":                   {percent(), 41, 0.41, ""},
		"mebibytes":                      {mebibytes(), 1, 1 << 20, ""},
		"bytes":                          {bytesOrGibibytes(), 16877882368, 16877882368, ""},
		"gibibytes":                      {bytesOrGibibytes(), 15.5, 15.5 * (1 << 30), "gibibytes"},
		"bytes of an idle card":          {bytesOrGibibytes(), 512, 512, ""},
		"no memory at all":               {bytesOrGibibytes(), 0, 0, ""},
		"degrees":                        {celsiusOrThousands(), 54, 54, ""},
		"a thousandth of the degrees":    {celsiusOrThousands(), 0.054, 54, "thousands of degrees"},
		"millidegrees":                   {celsiusOrThousands(), 54000, 54, "millidegrees"},
		"watts":                          {wattsOrThousands(), 61.2, 61.2, ""},
		"a thousandth of the watts":      {wattsOrThousands(), 0.0612, 61.2, "kilowatts"},
		"a millionth of the watts":       {wattsOrThousands(), 0.0000612, 61.2, "megawatts"},
		"milliwatts":                     {wattsOrThousands(), 61200, 61.2, "milliwatts"},
		"microwatts":                     {wattsOrThousands(), 61200000, 61.2, "microwatts"},
		"a card that draws no power now": {wattsOrThousands(), 0, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, as := test.unit.convert(test.reading)
			if math.Abs(got-test.want) > 1e-9*test.want || as != test.as {
				t.Errorf("%v became %v, read in %q; want %v in %q", test.reading, got, as, test.want, test.as)
			}
		})
	}
}
