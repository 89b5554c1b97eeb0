package live

import (
	"context"

	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Specs returns what a candidate set of templates must render. It waits for all caches:
// otherwise this server could accept a candidate that the controller rejects.
func (c *Cache) Specs(ctx context.Context) (templates.Live, error) {
	if !c.cache.WaitForCacheSync(ctx) {
		return templates.Live{}, ctx.Err()
	}
	snapshot, err := c.deploys.synced(ctx)
	if err != nil {
		return templates.Live{}, err
	}
	specs := make([]v1.NpuDeploy, len(snapshot.Deploys))
	for i, deploy := range snapshot.Deploys {
		specs[i] = *deploy.NpuDeploy
	}
	var projects v1.ProjectList
	if err := c.cache.List(ctx, &projects); err != nil {
		return templates.Live{}, err
	}
	return templates.Live{Deploys: specs, Projects: projects.Items}, nil
}
