package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/health"
)

// policy needs two bad probes of three for Unhealthy, and three good ones in a row over
// two seconds for Healthy. Probes are a second apart.
func policy() health.Policy {
	return health.Policy{Bad: 2, Of: 3, Good: 3, RecoverDwell: 2 * time.Second, StaleAfter: 3 * time.Second}
}

// Each case is a line of probes (g good, b bad, . no data, x gone) and the line of
// states they lead to (_ or ? Unknown, H Healthy, S Suspect, U Unhealthy, R Recovering;
// _ and lower case where the device is not offered, ? and upper case where it is).
func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		edit         func(*health.Policy)
		probes, want string
	}{
		"healthy after the first good probe":                    {probes: "....g", want: "____H"},
		"one good probe is enough for a device without history": {probes: "g", want: "H"},
		"two bad probes at the start":                           {probes: "bb", want: "su"},
		"one bad probe at the start": {
			probes: "bggg", want: "sssH"},
		"suspect until a window without bad probes": {
			probes: "gbggg", want: "HSSSH"},
		"two bad in a row":                         {probes: "gbb", want: "HSu"},
		"two bad of three with a good one between": {probes: "gbgb", want: "HSSu"},
		"two bad of four":                          {probes: "gbggb", want: "HSSSS"},
		"a device recovers after enough good probes in a row": {
			probes: "gbbggg", want: "HSurrH"},
		"one bad probe ends a recovery": {probes: "gbbggbggg", want: "HSurrurrH"},
		"recovery takes its dwell time": {
			edit:   func(p *health.Policy) { p.RecoverDwell = 4 * time.Second },
			probes: "gbbggggg", want: "HSurrrrH"},
		"suspicion takes its dwell time": {
			edit:   func(p *health.Policy) { p.FailDwell = 3 * time.Second },
			probes: "gbbbb", want: "HSSSu"},
		"one bad of one": {
			edit:   func(p *health.Policy) { p.Bad, p.Of = 1, 1 },
			probes: "gb", want: "Hu"},
		"missing data is unknown in time and keeps the offer": {
			probes: "g....g", want: "HHH??H"},
		"missing data keeps a suspect": {
			probes: "gb..b", want: "HSSSu"},
		"bad probes before missing data are forgotten": {
			probes: "gb...gb", want: "HSSS?HS"},
		"missing data does not bring a device back": {
			probes: "gbb.......", want: "HSuuuuuuuu"},
		"missing data pauses a recovery": {
			probes: "gbbg....gg", want: "HSurrrrrrH"},
		"a missing node is unhealthy at once":            {probes: "gx", want: "Hu"},
		"a node that was never there is unhealthy":       {probes: "x", want: "u"},
		"a missing node ends a suspicion":                {probes: "gbx", want: "HSu"},
		"a missing node ends a recovery":                 {probes: "gxgxggg", want: "HururrH"},
		"a node that comes back is enough of a recovery": {probes: "gxggg", want: "HurrH"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			if c.edit != nil {
				c.edit(&p)
			}
			if diff := cmp.Diff(c.want, run(p, c.probes)); diff != "" {
				t.Errorf("after %s: -want +got:\n%s", c.probes, diff)
			}
		})
	}
}

func TestReasonIsThatOfTheLastBadProbe(t *testing.T) {
	p, now := policy(), time.Unix(0, 0)
	bad := func(code, message string) health.Observation {
		return health.Observation{Result: health.Bad, Reason: health.Reason{Code: code, Message: message}}
	}
	s := p.Next(health.New(now), bad("Hot", "97"), now)
	s = p.Next(s, bad("Hot", "98"), now)
	if s.Reason.Message != "98" || s.State != health.Unhealthy {
		t.Errorf("a new state keeps an old reason: %+v", s)
	}
	s = p.Next(s, bad("Hot", "99"), now)
	if s.Reason.Message != "98" {
		t.Errorf("a changing number replaces the reason: %+v", s)
	}
	s = p.Next(s, bad("DriverMissing", "no driver"), now)
	if s.Reason.Code != "DriverMissing" {
		t.Errorf("another code does not replace the reason: %+v", s)
	}
}

func TestSinceChangesWithTheState(t *testing.T) {
	p, start := policy(), time.Unix(0, 0)
	s := p.Next(health.New(start), observation('g'), start.Add(time.Second))
	s = p.Next(s, observation('g'), start.Add(time.Minute))
	if got := s.Since.Sub(start); got != time.Second {
		t.Errorf("healthy since %s", got)
	}
	if got := s.LastData.Sub(start); got != time.Minute {
		t.Errorf("seen at %s", got)
	}
}

// FuzzMachine holds every line of probes to the package's invariants.
func FuzzMachine(f *testing.F) {
	f.Add("gbgb....xggg", 2, 3, 3)
	f.Add("", 1, 1, 1)
	f.Add("gbgbgbgbgbgbgbgbgbgbgbgbgbgbgbgbgbgb", 32, 32, 32)
	f.Fuzz(func(t *testing.T, probes string, bad, of, good int) {
		p := policy()
		p.Of = 1 + abs(of)%32
		p.Bad = 1 + abs(bad)%p.Of
		p.Good = 1 + abs(good)%32
		now := time.Unix(0, 0)
		s := health.New(now)
		for _, probe := range []byte(probes) {
			o := observation(probe)
			now = now.Add(time.Second)
			next := p.Next(s, o, now)
			if !s.Offered && next.Offered && o.Result != health.Good {
				t.Fatalf("%s: offered without a good probe", probes)
			}
			if s.Offered && !next.Offered && o.Result == health.NoData {
				t.Fatalf("%s: missing data withdrew a device", probes)
			}
			if o.Result == health.Absent && (next.Offered || next.State != health.Unhealthy) {
				t.Fatalf("%s: a device that is gone is %s", probes, next.State)
			}
			if next.State == health.Healthy && !next.Offered || next.State == health.Unhealthy && next.Offered {
				t.Fatalf("%s: %s, offered %t", probes, next.State, next.Offered)
			}
			if next.Since.Before(s.Since) || next.Since.After(now) {
				t.Fatalf("%s: since %s at %s", probes, next.Since, now)
			}
			s = next
		}
		if got := run(p, probes+strings.Repeat("g", 2*32+2)); got[len(got)-1] != 'H' {
			t.Fatalf("%s: does not recover: %s", probes, got)
		}
	})
}

func run(p health.Policy, probes string) string {
	letters := map[health.State]string{
		health.Unknown: "_?", health.Healthy: "hH", health.Suspect: "sS", health.Unhealthy: "uU", health.Recovering: "rR",
	}
	now := time.Unix(0, 0)
	s := health.New(now)
	var states strings.Builder
	for _, probe := range []byte(probes) {
		now = now.Add(time.Second)
		s = p.Next(s, observation(probe), now)
		offered := 0
		if s.Offered {
			offered = 1
		}
		states.WriteByte(letters[s.State][offered])
	}
	return states.String()
}

func observation(probe byte) health.Observation {
	switch probe {
	case 'g':
		return health.Observation{Result: health.Good, Reason: health.Reason{Code: "Answering"}}
	case 'b':
		return health.Observation{Result: health.Bad, Reason: health.Reason{Code: "AttributeBad"}}
	case 'x':
		return health.Observation{Result: health.Absent, Reason: health.Reason{Code: "DeviceNodeMissing"}}
	}
	return health.Observation{Reason: health.Reason{Code: "NoData"}}
}

func abs(n int) int {
	return max(n, -(n + 1)) // the least int has no positive twin
}
