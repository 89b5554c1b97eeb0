package api

import (
	"context"
	"iter"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// catchUp is how long a list waits for a version that the server has not heard of yet.
const catchUp = 3 * time.Second

// visible are the NpuDeploys that the person may list, as the server knows them. They are not
// to be changed.
func (a *API) visible(ctx context.Context, user *kube.UserClient) ([]v1.NpuDeploy, error) {
	found, err := a.known(ctx, "")
	if err != nil {
		return nil, err
	}
	rights, err := rightsOf(ctx, user, toDeploys("list"), "")
	if err != nil {
		return nil, err
	}
	allowed, err := rights.filter(ctx, found.Deploys)
	if err != nil {
		return nil, err
	}
	deploys := make([]v1.NpuDeploy, len(allowed))
	for i, deploy := range allowed {
		deploys[i] = *deploy.NpuDeploy
	}
	return deploys, nil
}

// filter keeps what the person may see.
func (r *rights) filter(ctx context.Context, deploys []*live.Deploy) ([]*live.Deploy, error) {
	if r.whole() {
		return deploys, nil
	}
	if err := r.learn(ctx, namespacesOf(deploys)); err != nil {
		return nil, err
	}
	var allowed []*live.Deploy
	for _, deploy := range deploys {
		if r.known[deploy.Namespace] {
			allowed = append(allowed, deploy)
		}
	}
	return allowed, nil
}

// namespacesOf are those of deploys, which are in order.
func namespacesOf(deploys []*live.Deploy) iter.Seq[string] {
	return func(yield func(string) bool) {
		last := ""
		for _, deploy := range deploys {
			if deploy.Namespace == last {
				continue
			}
			if last = deploy.Namespace; !yield(last) {
				return
			}
		}
	}
}

// known is what the server knows, not older than a version.
func (a *API) known(ctx context.Context, version string) (live.Snapshot, error) {
	now, changed := a.options.Live.Deploys().Snapshot()
	if now.Version == "" {
		return live.Snapshot{}, unread()
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for !now.Includes(version) {
		select {
		case <-changed:
			now, changed = a.options.Live.Deploys().Snapshot()
		case <-ctx.Done():
			return live.Snapshot{}, apierrors.NewTimeoutError("the server knows version "+now.Version+", and not yet "+version, 1)
		}
	}
	return now, nil
}

// unread is for who comes before the server has read the cluster once.
func unread() *problem.Error {
	p := problem.New(http.StatusServiceUnavailable, "the server has not read the cluster yet")
	p.RetryAfter = 1
	return p
}
