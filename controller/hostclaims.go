package controller

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// hostClaim is an NpuDeploy's request for a host, and a path below it. An empty host claims
// nothing.
type hostClaim struct {
	deploy     types.NamespacedName
	uid        types.UID
	created    time.Time
	host, path string
}

func newHostClaim(deploy *v1.NpuDeploy) hostClaim {
	return hostClaim{
		deploy: types.NamespacedName{Namespace: deploy.Namespace, Name: deploy.Name},
		uid:    deploy.UID, created: deploy.CreationTimestamp.UTC(),
	}
}

// overlaps reports whether a path is below both: a prefix matches exactly or before a slash.
func (c hostClaim) overlaps(other hostClaim) bool {
	return strings.HasPrefix(c.path+"/", other.path+"/") || strings.HasPrefix(other.path+"/", c.path+"/")
}

func olderClaim(a, b hostClaim) int {
	return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.uid, b.uid))
}

// hostOwnership is the decision on a claim. The zero value means that the host is ours.
type hostOwnership struct {
	owner     string // the older NpuDeploy that owns the host and path
	forbidden string // why the namespace may not use the host
}

func (h hostOwnership) isOurs() bool { return h == hostOwnership{} }

// claimHost claims the host of the rendered endpoint. A generation that does not render
// keeps the previous claim. A forbidden host is not claimed.
func (k *deployKind) claimHost(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering) (hostOwnership, error) {
	claim := newHostClaim(deploy)
	if rendered.outcome.Reason == v1.ReasonRendered {
		if rendered.endpoint != nil {
			claim.host, claim.path = rendered.endpoint.Host, rendered.endpoint.Path
		}
	} else if before, ok := k.claims.get(claim.deploy); ok && before.uid == deploy.UID {
		claim = before
	}
	forbidden := ""
	if claim.host != "" {
		projects, err := listProjects(ctx, k.cache)
		if err != nil {
			return hostOwnership{}, err
		}
		if forbidden = forbiddenHost(projects, deploy.Namespace, claim.host); forbidden != "" {
			claim = newHostClaim(deploy)
		}
	}
	owner, affected := k.claims.put(claim)
	k.queue.add(affected...)
	return hostOwnership{owner: owner, forbidden: forbidden}, nil
}

// loadClaims restores the claims from statuses. An NpuDeploy without a URL has no route yet.
func (k *deployKind) loadClaims(ctx context.Context) error {
	deploys, err := listDeploys(ctx, k.cache, metav1.NamespaceAll)
	if err != nil {
		return err
	}
	projects, err := listProjects(ctx, k.cache)
	if err != nil {
		return err
	}
	for i := range deploys {
		endpoint, err := url.Parse(deploys[i].Status.URL)
		if err != nil || endpoint.Host == "" {
			continue
		}
		if forbiddenHost(projects, deploys[i].Namespace, endpoint.Hostname()) != "" {
			continue
		}
		claim := newHostClaim(&deploys[i])
		claim.host, claim.path = endpoint.Hostname(), endpoint.Path
		k.claims.put(claim)
	}
	return nil
}

// hostClaims has the claims of all NpuDeploys. The oldest claim owns a host and path.
type hostClaims struct {
	loading sync.Mutex
	loaded  bool

	mu       sync.Mutex
	byHost   map[string][]hostClaim // oldest first
	byDeploy map[types.NamespacedName]hostClaim
}

func newHostClaims() *hostClaims {
	return &hostClaims{byHost: map[string][]hostClaim{}, byDeploy: map[types.NamespacedName]hostClaim{}}
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

// put replaces the claim of an NpuDeploy. It returns the owner, if that is another, and the
// NpuDeploys that gain or lose a host by it.
func (c *hostClaims) put(claim hostClaim) (owner string, affected []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ok := c.byDeploy[claim.deploy]; !ok || before != claim {
		affected = c.replace(claim.deploy, claim)
	}
	if claim.host == "" {
		return "", affected
	}
	return c.owners([]string{claim.host})[claim.deploy], affected
}

// release removes a claim, and returns the NpuDeploys that gain a host by it.
func (c *hostClaims) release(deploy types.NamespacedName) []types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replace(deploy, hostClaim{})
}

func (c *hostClaims) get(deploy types.NamespacedName) (hostClaim, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	claim, ok := c.byDeploy[deploy]
	return claim, ok
}

func (c *hostClaims) replace(deploy types.NamespacedName, claim hostClaim) []types.NamespacedName {
	hosts := []string{c.byDeploy[deploy].host, claim.host}
	before := c.owners(hosts)
	if old, ok := c.byDeploy[deploy]; ok {
		delete(c.byDeploy, deploy)
		c.byHost[old.host] = slices.DeleteFunc(c.byHost[old.host], func(other hostClaim) bool { return other.deploy == deploy })
		if len(c.byHost[old.host]) == 0 {
			delete(c.byHost, old.host)
		}
	}
	if claim.host != "" {
		c.byDeploy[deploy] = claim
		c.byHost[claim.host] = append(c.byHost[claim.host], claim)
		slices.SortFunc(c.byHost[claim.host], olderClaim)
	}
	return changedOwners(deploy, before, c.owners(hosts))
}

// owners maps each NpuDeploy that claims one of the hosts to the other owner, or to nothing
// if it is the owner itself.
func (c *hostClaims) owners(hosts []string) map[types.NamespacedName]string {
	owners := map[types.NamespacedName]string{}
	for _, host := range hosts {
		var granted []hostClaim
		for _, claim := range c.byHost[host] {
			if i := slices.IndexFunc(granted, claim.overlaps); i >= 0 {
				owners[claim.deploy] = granted[i].deploy.String()
				continue
			}
			granted = append(granted, claim)
			owners[claim.deploy] = ""
		}
	}
	return owners
}

// changedOwners lists the NpuDeploys, other than self, whose owner changed.
func changedOwners(self types.NamespacedName, before, after map[types.NamespacedName]string) []types.NamespacedName {
	var names []types.NamespacedName
	for name, owner := range after {
		if former, ok := before[name]; name != self && (!ok || former != owner) {
			names = append(names, name)
		}
	}
	return names
}
