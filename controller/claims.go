package controller

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// claim is one NpuDeploy's wish for a host, and a path below it.
type claim struct {
	deploy     types.NamespacedName
	uid        types.UID
	since      time.Time
	host, path string
}

// claims knows every wish. A host and path belong to the older; whoever loses one, or
// gets one, is named so that it is reconciled.
type claims struct {
	filling sync.Mutex
	filled  bool

	mu       sync.Mutex
	byHost   map[string][]claim // oldest first
	byDeploy map[types.NamespacedName]claim
}

func newClaims() *claims {
	return &claims{byHost: map[string][]claim{}, byDeploy: map[types.NamespacedName]claim{}}
}

// fill collects all wishes before the first is granted: after a restart, the younger
// may come first. It is done once.
func (c *claims) fill(ctx context.Context, all func(context.Context) error) error {
	c.filling.Lock()
	defer c.filling.Unlock()
	if c.filled {
		return nil
	}
	err := all(ctx)
	c.filled = err == nil
	return err
}

// put replaces the wish of a deployment, and returns who holds the place and whose
// luck changed with it. An empty host is no wish.
func (c *claims) put(wish claim) (owner string, others []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, known := c.byDeploy[wish.deploy]; !known || old != wish {
		others = c.replace(wish.deploy, wish)
	}
	return c.owner(wish), others
}

// drop takes a wish back.
func (c *claims) drop(deploy types.NamespacedName) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replace(deploy, claim{})
}

// has tells whether a wish of this deployment is known.
func (c *claims) has(deploy types.NamespacedName) (claim, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.byDeploy[deploy]
	return known, ok
}

func (c *claims) replace(deploy types.NamespacedName, wish claim) []types.NamespacedName {
	hosts := []string{c.byDeploy[deploy].host, wish.host}
	before := c.holders(hosts)
	if old, known := c.byDeploy[deploy]; known {
		delete(c.byDeploy, deploy)
		c.byHost[old.host] = slices.DeleteFunc(c.byHost[old.host], func(other claim) bool { return other.deploy == deploy })
		if len(c.byHost[old.host]) == 0 {
			delete(c.byHost, old.host)
		}
	}
	if wish.host != "" {
		c.byDeploy[deploy] = wish
		c.byHost[wish.host] = append(c.byHost[wish.host], wish)
		slices.SortFunc(c.byHost[wish.host], older)
	}
	return moved(deploy, before, c.holders(hosts))
}

// holders maps each wish for one of the hosts to whom it is refused for, if anybody.
func (c *claims) holders(hosts []string) map[types.NamespacedName]string {
	found := map[types.NamespacedName]string{}
	for _, host := range hosts {
		var granted []claim
		for _, wish := range c.byHost[host] {
			if i := slices.IndexFunc(granted, wish.overlaps); i >= 0 {
				found[wish.deploy] = granted[i].deploy.String()
				continue
			}
			granted = append(granted, wish)
			found[wish.deploy] = ""
		}
	}
	return found
}

func (c *claims) owner(wish claim) string {
	if wish.host == "" {
		return ""
	}
	return c.holders([]string{wish.host})[wish.deploy]
}

// moved names those, but for the one that is being reconciled, who lost or got a place.
func moved(self types.NamespacedName, before, after map[types.NamespacedName]string) []types.NamespacedName {
	var names []types.NamespacedName
	for name, owner := range after {
		if was, known := before[name]; name != self && (!known || was != owner) {
			names = append(names, name)
		}
	}
	return names
}

func older(a, b claim) int {
	return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.uid, b.uid))
}

// overlaps holds if some path is below both: a prefix matches exactly, or below a slash.
func (c claim) overlaps(other claim) bool {
	return strings.HasPrefix(c.path+"/", other.path+"/") || strings.HasPrefix(other.path+"/", c.path+"/")
}
