package controller

import (
	"context"
	"net/url"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// holding says whether the deployment has the host that it wants.
type holding struct {
	owner   string // the older NpuDeploy that has it
	refused string // why the namespace may not have it
}

func (h holding) isOurs() bool { return h == holding{} }

// claim notes which host the deployment wants, and returns who has it, if that is
// another. A generation that does not render still holds what the one before got. What
// is refused is no wish, and stands in nobody's way.
func (r *reconciler) claim(ctx context.Context, deploy *v1.NpuDeploy, want *wanted) (holding, error) {
	wish := r.wish(deploy, want)
	refused, err := r.refuseHost(ctx, wish)
	if err != nil {
		return holding{}, err
	}
	if refused != "" {
		wish = newClaim(deploy)
	}
	owner, others := r.claims.put(wish)
	r.queue.add(others...)
	return holding{owner: owner, refused: refused}, nil
}

func (r *reconciler) wish(deploy *v1.NpuDeploy, want *wanted) claim {
	wish := newClaim(deploy)
	if want.rendered.Reason == v1.ReasonRendered {
		if want.endpoint != nil {
			wish.host, wish.path = want.endpoint.Host, want.endpoint.Path
		}
		return wish
	}
	known, _ := r.claims.has(wish.deploy)
	if known.uid == deploy.UID {
		return known
	}
	return wish
}

// newClaim is a wish for nothing.
func newClaim(deploy *v1.NpuDeploy) claim {
	return claim{
		deploy: types.NamespacedName{Namespace: deploy.Namespace, Name: deploy.Name},
		uid:    deploy.UID, since: deploy.CreationTimestamp.UTC(),
	}
}

// claimAll is what fill does after a restart: statuses tell who got what. Whoever has
// none has no route yet.
func (r *reconciler) claimAll(ctx context.Context) error {
	all, err := r.deploys.all(ctx)
	if err != nil {
		return err
	}
	projects, err := r.projects.all(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		told, err := url.Parse(all[i].Status.URL)
		if err != nil || told.Host == "" || all[i].DeletionTimestamp != nil {
			continue
		}
		if faultOfHost(projects, all[i].Namespace, told.Hostname()) != "" {
			continue
		}
		wish := newClaim(&all[i])
		wish.host, wish.path = told.Hostname(), told.Path
		r.claims.put(wish)
	}
	return nil
}
