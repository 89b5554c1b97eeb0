package live

import (
	"context"

	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Specs are what a candidate set of templates has to render. It waits until all has been
// read once: a candidate that is judged by less could be swapped in here and nowhere else.
func (c *Cache) Specs(ctx context.Context) (templates.Live, error) {
	if !c.cache.WaitForCacheSync(ctx) {
		return templates.Live{}, ctx.Err()
	}
	now, err := c.deploys.first(ctx)
	if err != nil {
		return templates.Live{}, err
	}
	specs := make([]v1.NpuDeploy, len(now.Deploys))
	for i, deploy := range now.Deploys {
		specs[i] = *deploy.NpuDeploy
	}
	var projects v1.ProjectList
	if err := c.cache.List(ctx, &projects); err != nil {
		return templates.Live{}, err
	}
	return templates.Live{Deploys: specs, Projects: projects.Items}, nil
}
