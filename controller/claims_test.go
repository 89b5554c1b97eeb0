package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// wish is one of NAME, that old, for host and path.
func wishFor(name string, age int, host, path string) claim {
	return claim{
		deploy: types.NamespacedName{Namespace: "team", Name: name}, uid: types.UID(name),
		since: time.Unix(int64(1000-age), 0), host: host, path: path,
	}
}

func names(of []types.NamespacedName) []string {
	list := make([]string, 0, len(of))
	for _, name := range of {
		list = append(list, name.Name)
	}
	slices.Sort(list)
	return list
}

func TestAPlaceBelongsToTheOlder(t *testing.T) {
	for name, row := range map[string]struct {
		first, second claim
		want          string // who holds the second's place
	}{
		"the same host":             {wishFor("a", 2, "h", ""), wishFor("b", 1, "h", ""), "team/a"},
		"the younger came first":    {wishFor("a", 1, "h", ""), wishFor("b", 2, "h", ""), ""},
		"another host":              {wishFor("a", 2, "h", ""), wishFor("b", 1, "i", ""), ""},
		"another path":              {wishFor("a", 2, "h", "/x"), wishFor("b", 1, "h", "/y"), ""},
		"a path below":              {wishFor("a", 2, "h", "/x"), wishFor("b", 1, "h", "/x/y"), "team/a"},
		"a path above":              {wishFor("a", 2, "h", "/x/y"), wishFor("b", 1, "h", "/x"), "team/a"},
		"a path that only looks so": {wishFor("a", 2, "h", "/x"), wishFor("b", 1, "h", "/xy"), ""},
		"every path":                {wishFor("a", 2, "h", ""), wishFor("b", 1, "h", "/x"), "team/a"},
		"the same age, by UID":      {wishFor("a", 1, "h", ""), wishFor("b", 1, "h", ""), "team/a"},
		"no host is nobody's":       {wishFor("a", 2, "", ""), wishFor("b", 1, "", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClaims()
			c.put(row.first)
			if got, _ := c.put(row.second); got != row.want {
				t.Errorf("the place belongs to %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhoeverGetsOrLosesAPlaceIsNamed(t *testing.T) {
	c := newClaims()
	step := func(what string, got []types.NamespacedName, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), names(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	_, moved := c.put(wishFor("young", 1, "h", ""))
	step("a first wish", moved)
	_, moved = c.put(wishFor("old", 9, "h", ""))
	step("an older one takes the host", moved, "young")
	_, moved = c.put(wishFor("old", 9, "h", ""))
	step("the same again", moved)
	_, moved = c.put(wishFor("old", 9, "i", ""))
	step("the older moves to another host", moved, "young")
	_, moved = c.put(wishFor("old", 9, "h", ""))
	step("and back", moved, "young")
	step("the older goes", c.drop(wishFor("old", 9, "", "").deploy), "young")
	if owner, _ := c.put(wishFor("young", 1, "h", "")); owner != "" {
		t.Errorf("the host still belongs to %s", owner)
	}
}

func TestARefusedWishBlocksNobody(t *testing.T) {
	c := newClaims()
	c.put(wishFor("first", 3, "h", "/a"))
	c.put(wishFor("refused", 2, "h", ""))
	if owner, _ := c.put(wishFor("third", 1, "h", "/b")); owner != "" {
		t.Errorf("the path is held by %s, which has none", owner)
	}
}

func TestClaimsKeepNothingOfThoseWhoAreGone(t *testing.T) {
	c := newClaims()
	for i := range 100 {
		wish := wishFor("a", i, string(rune('a'+i%26)), "")
		c.put(wish)
		c.drop(wish.deploy)
	}
	if len(c.byHost)+len(c.byDeploy) != 0 {
		t.Errorf("%d hosts and %d deployments are kept", len(c.byHost), len(c.byDeploy))
	}
}
