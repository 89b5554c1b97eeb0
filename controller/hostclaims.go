package controller

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// hostClaim is an NpuDeploy's request for a host, and a path below it. An empty host claims
// nothing.
type hostClaim struct {
	claimID

	created    time.Time
	host, path string
	// isDeleted means that only a route of the NpuDeploy remains.
	isDeleted bool
	// isAdopted means that the NpuDeploy of the same name takes that route over.
	isAdopted bool
}

// claimID identifies an NpuDeploy: another one of the same name has another claim.
type claimID struct {
	deploy types.NamespacedName
	uid    types.UID
}

func newHostClaim(deploy *v1.NpuDeploy) hostClaim {
	return hostClaim{
		claimID: claimID{client.ObjectKeyFromObject(deploy), deploy.UID}, created: deploy.CreationTimestamp.UTC(),
	}
}

// overlaps reports whether a path is below both: a prefix matches exactly or before a slash.
func (c hostClaim) overlaps(other hostClaim) bool {
	return strings.HasPrefix(c.path+"/", other.path+"/") || strings.HasPrefix(other.path+"/", c.path+"/")
}

// isBehind reports whether an older claim has the place of this one. The claim of a route that this one's
// NpuDeploy takes over keeps others away only.
func (c hostClaim) isBehind(older hostClaim) bool {
	return c.overlaps(older) && (!older.isAdopted || older.deploy != c.deploy)
}

// description describes the owner to other NpuDeploys that claim the host.
func (c hostClaim) description() string {
	if c.isDeleted {
		return c.deploy.String() + ", which was deleted and still has a route"
	}
	return c.deploy.String() + ", which is older"
}

func olderClaim(a, b hostClaim) int {
	return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.uid, b.uid))
}

// hostOwnership is the decision on a claim. The zero value means that the host is ours.
type hostOwnership struct {
	owner     string // describes the NpuDeploy that owns the host and path
	forbidden string // why the namespace may not use the host
}

func (h hostOwnership) isOurs() bool { return h == hostOwnership{} }

// hostClaims has the claims of all NpuDeploys. The oldest claim owns a host and path.
type hostClaims struct {
	loading sync.Mutex
	loaded  bool

	mu       sync.Mutex
	byHost   map[string][]hostClaim               // oldest first
	byDeploy map[types.NamespacedName][]hostClaim // several only while routes of a deleted one remain
}

func newHostClaims() *hostClaims {
	return &hostClaims{byHost: map[string][]hostClaim{}, byDeploy: map[types.NamespacedName][]hostClaim{}}
}

// load loads all claims once: after a restart, a younger NpuDeploy may be reconciled first.
func (c *hostClaims) load(ctx context.Context, all func(context.Context) error) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	if c.loaded {
		return nil
	}
	err := all(ctx)
	c.loaded = err == nil
	return err
}

// put replaces the claim of an NpuDeploy. It returns a description of the owner, if that is another
// NpuDeploy, and the NpuDeploys that gain or lose a host by the change.
func (c *hostClaims) put(claim hostClaim) (owner string, affected []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.claim(claim.claimID) != claim {
		affected = c.replace(claim.claimID, claim)
	}
	if claim.host == "" {
		return "", affected
	}
	return c.owners([]string{claim.host})[claim.claimID], affected
}

// release removes a claim, and returns the NpuDeploys that gain a host.
func (c *hostClaims) release(id claimID) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replace(id, hostClaim{})
}

// get returns the claim of an NpuDeploy, or an empty one.
func (c *hostClaims) get(id claimID) hostClaim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claim(id)
}

// of returns the claims of NpuDeploys of a name.
func (c *hostClaims) of(deploy types.NamespacedName) []hostClaim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.byDeploy[deploy])
}

func (c *hostClaims) claim(id claimID) hostClaim {
	for _, claim := range c.byDeploy[id.deploy] {
		if claim.claimID == id {
			return claim
		}
	}
	return hostClaim{}
}

func (c *hostClaims) replace(id claimID, claim hostClaim) []types.NamespacedName {
	old := c.claim(id)
	hosts := []string{old.host, claim.host}
	before := c.owners(hosts)
	if old.host != "" {
		without(c.byDeploy, id.deploy, id)
		without(c.byHost, old.host, id)
	}
	if claim.host != "" {
		c.byDeploy[id.deploy] = append(c.byDeploy[id.deploy], claim)
		c.byHost[claim.host] = append(c.byHost[claim.host], claim)
		slices.SortFunc(c.byHost[claim.host], olderClaim)
	}
	return changedOwners(id, before, c.owners(hosts))
}

// without removes a claim from the list of a key, and an empty list from the map.
func without[K comparable](claims map[K][]hostClaim, key K, id claimID) {
	claims[key] = slices.DeleteFunc(claims[key], func(claim hostClaim) bool { return claim.claimID == id })
	if len(claims[key]) == 0 {
		delete(claims, key)
	}
}

// owners maps each claim of one of the hosts to a description of its owner, or to "" if the claim
// owns its host.
func (c *hostClaims) owners(hosts []string) map[claimID]string {
	owners := map[claimID]string{}
	for _, host := range hosts {
		var granted []hostClaim
		for _, claim := range c.byHost[host] {
			if i := slices.IndexFunc(granted, claim.isBehind); i >= 0 {
				owners[claim.claimID] = granted[i].description()
				continue
			}
			granted = append(granted, claim)
			owners[claim.claimID] = ""
		}
	}
	return owners
}

// changedOwners lists the NpuDeploys, other than self, whose owner changed.
func changedOwners(self claimID, before, after map[claimID]string) []types.NamespacedName {
	var names []types.NamespacedName
	for id, owner := range after {
		if former, ok := before[id]; id != self && (!ok || former != owner) {
			names = append(names, id.deploy)
		}
	}
	return names
}
