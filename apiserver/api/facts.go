package api

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// factsIn are what the deployments of a namespace follow of its Project. They are for
// whoever may see or make these deployments, which show them: no right to read the Project
// is asked for.
func (a *API) factsIn(ctx context.Context, namespace string) (render.ProjectSettings, error) {
	if !a.options.Live.Ready() {
		return render.ProjectSettings{}, unread()
	}
	var project v1.Project
	err := a.options.Live.Reader().Get(ctx, client.ObjectKey{Name: namespace}, &project)
	if apierrors.IsNotFound(err) {
		return render.ProjectSettings{}, nil
	}
	return render.SettingsOf(&project), err
}

// factsOf are those of all namespaces that have one of deploys.
func (a *API) factsOf(ctx context.Context, deploys []v1.NpuDeploy) (map[string]render.ProjectSettings, error) {
	facts := map[string]render.ProjectSettings{}
	for _, deploy := range deploys {
		if _, known := facts[deploy.Namespace]; known {
			continue
		}
		var err error
		if facts[deploy.Namespace], err = a.factsIn(ctx, deploy.Namespace); err != nil {
			return nil, err
		}
	}
	return facts, nil
}
