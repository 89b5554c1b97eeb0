package allocate_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/allocate"
)

// A machine is drawn as its NUMA nodes, separated by |, each with its PCIe roots,
// separated by blanks, each with its devices: free as a letter, taken as a dot,
// required as a capital letter.
func TestPrefer(t *testing.T) {
	for name, c := range map[string]struct {
		machine string
		size    int
		want    string
	}{
		"one device breaks up no whole root":                                  {"abcd | ef. ", 1, "e"},
		"one device goes where a root is broken already":                      {"ab cd | ef g.", 1, "g"},
		"a pair sits in one root":                                             {"ab cd | ef gh", 2, "ab"},
		"a pair fits exactly before it breaks up four":                        {"abcd | ef", 2, "ef"},
		"a pair shares a root before it leaves no rest":                       {"ab cd | e. f.", 2, "ab"},
		"four take a node, not half of two":                                   {"abc | defg", 4, "defg"},
		"three share a root before they leave no rest":                        {"abcd | ef g. ", 3, "abc"},
		"more than a node empties the largest, then goes where one is broken": {"ab | cdef | gh.", 6, "cdefgh"},
		"what is left over goes where it fits best":                           {"abc | defg | h", 5, "defgh"},
		"all of them":         {"ab | cd", 4, "abcd"},
		"more than there are": {"ab | cd", 9, "abcd"},
		"none":                {"ab | cd", 0, ""},
		"a required device draws the others to its node": {"ab cd | ef Gh", 3, "Ghe"},
		"a required device draws the others to its root": {"ab cd | ef Gh", 2, "Gh"},
		"required devices of two nodes open no third":    {"Ab | Cd | efgh", 4, "ACbd"},
		"required devices alone":                         {"Ab | Cd", 2, "AC"},
		"fewer than are required is a senseless request": {"Ab | Cd", 1, ""},
		"a root is filled up rather than another opened": {"Abcd efgh", 4, "Abcd"},
		"a whole root is used up before two are broken":  {"abcd efgh | ijkl", 4, "ijkl"},
		"equal machines are filled from the front":       {"ab | cd | ef", 1, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			places, available, required := draw(c.machine)
			got := strings.Join(allocate.Prefer(places, available, required, c.size), "")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%d of %q: -want +got:\n%s", c.size, c.machine, diff)
			}
		})
	}
}

func TestPreferAcceptsDevicesWithoutPlace(t *testing.T) {
	got := allocate.Prefer(nil, []string{"b", "a", "a"}, nil, 2)
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzPrefer checks the invariants of every result, and compares it with all other possible results
// if there are few.
func FuzzPrefer(f *testing.F) {
	f.Add([]byte{0x00, 0x01, 0x12, 0x53, 0x44, 0x95}, 3)
	f.Add([]byte{}, -1)
	f.Add([]byte{0xff, 0xfe, 0xfd}, 1<<31-1)
	f.Fuzz(func(t *testing.T, machine []byte, size int) {
		if len(machine) > 64 {
			return
		}
		places, available, required := parse(machine)
		got := allocate.Prefer(places, available, required, size)
		if !slices.Equal(got, allocate.Prefer(places, available, required, size)) {
			t.Fatal("the same request has another result")
		}
		if size < len(required) {
			if len(got) > 0 {
				t.Fatalf("an impossible request has the result %v", got)
			}
			return
		}
		union := slices.Compact(slices.Sorted(slices.Values(slices.Concat(available, required))))
		if len(got) != min(size, len(union)) {
			t.Fatalf("got %d of %d devices, want %d", len(got), len(union), size)
		}
		if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%v has a device twice", got)
		}
		for _, id := range required {
			if !slices.Contains(got, id) {
				t.Fatalf("%v lacks %s", got, id)
			}
		}
		for _, id := range got {
			if !slices.Contains(union, id) {
				t.Fatalf("%s was not available", id)
			}
		}
		if len(union) <= 12 {
			compareWithAll(t, places, union, required, got)
		}
	})
}

// compareWithAll tries every choice. None may use fewer NUMA nodes; and where one
// node is enough and nothing is required, none may use fewer roots of one node.
func compareWithAll(t *testing.T, places []allocate.Place, union, required, got []string) {
	t.Helper()
	nodes, roots := cost(places, got)
	for mask := range 1 << len(union) {
		if bits.OnesCount(uint(mask)) != len(got) {
			continue
		}
		var other []string
		for i, id := range union {
			if mask&(1<<i) != 0 {
				other = append(other, id)
			}
		}
		if !containsAll(other, required) {
			continue
		}
		n, r := cost(places, other)
		if n < nodes {
			t.Fatalf("%v uses %d nodes, %v only %d", got, nodes, other, n)
		}
		if n == 1 && len(required) == 0 && r < roots {
			t.Fatalf("%v uses %d roots, %v only %d", got, roots, other, r)
		}
	}
}

func BenchmarkPrefer(b *testing.B) {
	for _, c := range []struct{ size, of int }{{2, 8}, {16, 64}, {33, 64}, {64, 1024}} {
		b.Run(fmt.Sprintf("%d of %d", c.size, c.of), func(b *testing.B) {
			var places []allocate.Place
			var available []string
			for i := range c.of {
				id := fmt.Sprintf("0000:%02x:%02x.0", i%256, i/256)
				places = append(places, allocate.Place{ID: id, NUMANode: i / (c.of / 4), Root: strconv.Itoa(i / 4)})
				if i%5 != 0 {
					available = append(available, id)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := allocate.Prefer(places, available, available[3:4], c.size); len(got) != min(c.size, len(available)) {
					b.Fatalf("got %d", len(got))
				}
			}
		})
	}
}

func draw(machine string) (places []allocate.Place, available, required []string) {
	taken := 0
	for node, roots := range strings.Split(machine, "|") {
		for root, devices := range strings.Fields(roots) {
			for _, letter := range devices {
				p := allocate.Place{ID: string(letter), NUMANode: node, Root: strconv.Itoa(root)}
				switch {
				case letter == '.':
					taken++
					p.ID = fmt.Sprintf("taken-%d", taken)
				case letter < 'a':
					required = append(required, p.ID)
					available = append(available, p.ID)
				default:
					available = append(available, p.ID)
				}
				places = append(places, p)
			}
		}
	}
	return places, available, required
}

// parse reads a device from each byte: two bits of NUMA node (-1 to 2), two of root,
// and the rest for free, required, or taken.
func parse(machine []byte) (places []allocate.Place, available, required []string) {
	for i, b := range machine {
		p := allocate.Place{ID: fmt.Sprintf("%02d", i), NUMANode: int(b&3) - 1, Root: strconv.Itoa(int(b >> 2 & 3))}
		places = append(places, p)
		switch b >> 4 {
		case 0, 1, 2:
		case 3:
			required = append(required, p.ID)
			available = append(available, p.ID)
		default:
			available = append(available, p.ID)
		}
	}
	return places, available, required
}

func cost(places []allocate.Place, ids []string) (nodes, roots int) {
	seenNodes, seenRoots := map[int]bool{}, map[string]bool{}
	for _, p := range places {
		if slices.Contains(ids, p.ID) {
			seenNodes[p.NUMANode] = true
			seenRoots[fmt.Sprint(p.NUMANode, p.Root)] = true
		}
	}
	return len(seenNodes), len(seenRoots)
}

func containsAll(ids, required []string) bool {
	for _, id := range required {
		if !slices.Contains(ids, id) {
			return false
		}
	}
	return true
}
