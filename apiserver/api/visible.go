package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// visible are the live NpuDeploys that the person may list. They are not to be changed.
func (a *API) visible(ctx context.Context, user *kube.UserClient) ([]v1.NpuDeploy, error) {
	if !a.options.Live.Ready() {
		p := problem.New(http.StatusServiceUnavailable, "the cluster has not been read yet")
		p.RetryAfter = 5
		return nil, p
	}
	everywhere, err := user.Can(ctx, "list", v1.Group, resource, "", "")
	if err != nil {
		return nil, err
	}
	var known v1.NpuDeployList
	if err := a.options.Live.Reader().List(ctx, &known); err != nil {
		return nil, fmt.Errorf("reading what is live: %w", err)
	}
	may := map[string]bool{}
	var visible []v1.NpuDeploy
	for _, deploy := range known.Items {
		namespace := deploy.Namespace
		if _, asked := may[namespace]; !asked && !everywhere {
			if may[namespace], err = user.Can(ctx, "list", v1.Group, resource, namespace, ""); err != nil {
				return nil, err
			}
		}
		if everywhere || may[namespace] {
			visible = append(visible, deploy)
		}
	}
	return visible, nil
}
