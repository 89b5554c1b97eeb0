package fetchers

import (
	"cmp"
	"math"
)

// Unit converts a reading to the quantity's own unit, in steps of the reading's size: the
// first step that the reading is below applies. Most units have one step.
type Unit []Step

// Step scales readings below a bound: by Times, and 1/Per.
type Step struct {
	Below float64
	Times float64 // 0 is 1
	Per   float64 // 0 is 1
	// As is the unit inferred from the size. Empty is the documented one.
	As string
}

// convert also returns the reading's unit if it was inferred from its size.
func (u Unit) convert(reading float64) (float64, string) {
	if reading == 0 {
		return 0, ""
	}
	for _, step := range u {
		if reading < step.Below {
			return reading * cmp.Or(step.Times, 1) / cmp.Or(step.Per, 1), step.As
		}
	}
	return math.NaN(), ""
}

// plain readings are in the quantity's own unit.
func plain() Unit { return Unit{{Below: math.Inf(1)}} }

func percent() Unit { return Unit{{Below: math.Inf(1), Per: 100}} }

func mebibytes() Unit { return Unit{{Below: math.Inf(1), Times: 1 << 20}} }

// bytesOrGibibytes reads small numbers as GiB: no device has 512 GiB of memory.
func bytesOrGibibytes() Unit {
	return Unit{{Below: 1 << 9, Times: 1 << 30, As: "gibibytes"}, {Below: math.Inf(1)}}
}

// celsiusOrThousands converts the values of devices between 1 and 1000 degrees.
func celsiusOrThousands() Unit {
	return Unit{
		{Below: 1, Times: 1e3, As: "thousands of degrees"},
		{Below: 1e3},
		{Below: math.Inf(1), Per: 1e3, As: "millidegrees"},
	}
}

// wattsOrThousands converts the values of devices that draw between 1 and 2000 watts.
func wattsOrThousands() Unit {
	return Unit{
		{Below: 1e-3, Times: 1e6, As: "megawatts"},
		{Below: 1, Times: 1e3, As: "kilowatts"},
		{Below: 2e3},
		{Below: 2e6, Per: 1e3, As: "milliwatts"},
		{Below: math.Inf(1), Per: 1e6, As: "microwatts"},
	}
}
