package api

import (
	"context"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
)

// listable says whether the person may list a resource in all namespaces, and if not, in
// which of these.
func listable(ctx context.Context, user *kube.UserClient, group, resource string, namespaces []string) (bool, map[string]bool, error) {
	everywhere, err := user.Can(ctx, "list", group, resource, "", "")
	if err != nil || everywhere {
		return everywhere, nil, err
	}
	may := make([]bool, len(namespaces))
	err = each(ctx, len(namespaces), func(ctx context.Context, i int) (err error) {
		may[i], err = user.Can(ctx, "list", group, resource, namespaces[i], "")
		return err
	})
	allowed := make(map[string]bool, len(namespaces))
	for i, namespace := range namespaces {
		allowed[namespace] = may[i]
	}
	return false, allowed, err
}

// known is an error until the cluster has been read once.
func known(cluster *live.Cluster) error {
	if cluster.Ready() {
		return nil
	}
	answer := problem.New(http.StatusServiceUnavailable, "the cluster has not been read yet")
	answer.RetryAfter = 5
	return answer
}
