package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// claimOf returns a claim of an NpuDeploy of that age.
func claimOf(name string, age int, host, path string) hostClaim {
	return hostClaim{
		claimID: claimID{types.NamespacedName{Namespace: "team", Name: name}, types.UID(name)},
		created: time.Unix(int64(1000-age), 0), host: host, path: path,
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

func TestOldestClaimOwnsTheHost(t *testing.T) {
	for name, row := range map[string]struct {
		first, second hostClaim
		want          string // the owner of the second's host
	}{
		"the same host":            {claimOf("a", 2, "h", ""), claimOf("b", 1, "h", ""), "team/a, which is older"},
		"the younger claims first": {claimOf("a", 1, "h", ""), claimOf("b", 2, "h", ""), ""},
		"another host":             {claimOf("a", 2, "h", ""), claimOf("b", 1, "i", ""), ""},
		"another path":             {claimOf("a", 2, "h", "/x"), claimOf("b", 1, "h", "/y"), ""},
		"a path below":             {claimOf("a", 2, "h", "/x"), claimOf("b", 1, "h", "/x/y"), "team/a, which is older"},
		"a path above":             {claimOf("a", 2, "h", "/x/y"), claimOf("b", 1, "h", "/x"), "team/a, which is older"},
		"a common prefix of names": {claimOf("a", 2, "h", "/x"), claimOf("b", 1, "h", "/xy"), ""},
		"every path":               {claimOf("a", 2, "h", ""), claimOf("b", 1, "h", "/x"), "team/a, which is older"},
		"the same age, by UID":     {claimOf("a", 1, "h", ""), claimOf("b", 1, "h", ""), "team/a, which is older"},
		"no host":                  {claimOf("a", 2, "", ""), claimOf("b", 1, "", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newHostClaims()
			c.put(row.first)
			if got, _ := c.put(row.second); got != row.want {
				t.Errorf("the owner is %q, want %q", got, row.want)
			}
		})
	}
}

func TestPutReturnsTheAffectedDeploys(t *testing.T) {
	c := newHostClaims()
	step := func(name string, got []types.NamespacedName, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), names(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, affected := c.put(claimOf("young", 1, "h", ""))
	step("a first claim", affected)
	_, affected = c.put(claimOf("old", 9, "h", ""))
	step("an older claim", affected, "young")
	_, affected = c.put(claimOf("old", 9, "h", ""))
	step("the same claim again", affected)
	_, affected = c.put(claimOf("old", 9, "i", ""))
	step("the older claims another host", affected, "young")
	_, affected = c.put(claimOf("old", 9, "h", ""))
	step("the older claims the first host again", affected, "young")
	step("the older is released", c.release(claimOf("old", 9, "", "").claimID), "young")
	if owner, _ := c.put(claimOf("young", 1, "h", "")); owner != "" {
		t.Errorf("the host belongs to %s", owner)
	}
}

// Until the route of a deleted NpuDeploy is adopted, its host belongs to its successor alone.
func TestAdoptedClaimIsBehindItsSuccessorOnly(t *testing.T) {
	c := newHostClaims()
	left := claimOf("web", 9, "h", "")
	left.uid, left.isDeleted, left.isAdopted = "left", true, true
	c.put(left)
	c.put(claimOf("other", 5, "h", ""))
	if owner, _ := c.put(claimOf("web", 1, "h", "")); owner != "" {
		t.Errorf("the host of the successor belongs to %s", owner)
	}
	if owner, _ := c.put(claimOf("other", 5, "h", "")); owner != left.description() {
		t.Errorf("the host of another NpuDeploy belongs to %q, want %q", owner, left.description())
	}
}

func TestClaimWithoutHostDoesNotBlockOthers(t *testing.T) {
	c := newHostClaims()
	c.put(claimOf("first", 3, "h", "/a"))
	c.put(claimOf("second", 2, "h", ""))
	if owner, _ := c.put(claimOf("third", 1, "h", "/b")); owner != "" {
		t.Errorf("the path belongs to %s, which owns none", owner)
	}
}

func TestReleaseRemovesAllState(t *testing.T) {
	c := newHostClaims()
	for i := range 100 {
		claim := claimOf("a", i, string(rune('a'+i%26)), "")
		c.put(claim)
		c.release(claim.claimID)
	}
	if len(c.byHost)+len(c.byDeploy) != 0 {
		t.Errorf("%d hosts and %d deployments remain", len(c.byHost), len(c.byDeploy))
	}
}
