// Package previews serves the effect of specs and templates before anything is written:
// previews of one NpuDeploy, checks of a set of templates, the state of the serving set,
// and the catalogue of the choices and defaults of an NpuDeploy.
package previews

import (
	"context"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// CheckLimits bound checks of templates, each of which is a user's program that runs in a
// process of its own. A user has one at a time.
type CheckLimits struct {
	BodyBytes int64
	InFlight  int           // of all users
	Time      time.Duration // of one; the server's write timeout must be longer
}

// Options are the dependencies of Handlers.
type Options struct {
	Cluster       *live.Cache
	Templates     func() *render.Templates // those that serve now
	TemplateState func() templates.State
	// VisibleProjects returns the Projects that a user sees, as projects.Handlers.Visible does.
	VisibleProjects func(ctx context.Context, user *kube.UserClient, after string, options ...client.ListOption) (visible []v1.Project, skipped, err error)
	Checks          CheckLimits
	PerUser         limits.Budget
	Clock           func() time.Time
}

// Handlers serve previews.
type Handlers struct {
	Options

	renderer *renderer
}

// New returns Handlers.
func New(options Options) *Handlers { return &Handlers{Options: options, renderer: newRenderer()} }

// Routes returns all routes of this package.
func (h *Handlers) Routes() []rest.Route {
	return []rest.Route{h.previewRoute(), h.validateRoute(), h.manifestsRoute(), h.deletionRoute(), h.checkRoute(), h.templatesRoute(), h.catalogueRoute()}
}

// projectSettings returns the settings that the NpuDeploys of a namespace follow. Users who
// may see or create these need no permission to read the Project: its NpuDeploys show them.
func (h *Handlers) projectSettings(ctx context.Context, namespace string) (render.ProjectSettings, error) {
	if !h.Cluster.Ready() {
		return render.ProjectSettings{}, rest.NotSynced()
	}
	var project v1.Project
	err := h.Cluster.Reader().Get(ctx, client.ObjectKey{Name: namespace}, &project)
	if apierrors.IsNotFound(err) {
		return render.ProjectSettings{}, nil
	}
	return render.SettingsOf(&project), err
}

// allProjectSettings returns the settings of each namespace that has one of deploys.
func (h *Handlers) allProjectSettings(ctx context.Context, deploys []v1.NpuDeploy) (map[string]render.ProjectSettings, error) {
	settings := map[string]render.ProjectSettings{}
	for _, deploy := range deploys {
		if _, ok := settings[deploy.Namespace]; ok {
			continue
		}
		var err error
		if settings[deploy.Namespace], err = h.projectSettings(ctx, deploy.Namespace); err != nil {
			return nil, err
		}
	}
	return settings, nil
}

// CheckRender returns an error if an NpuDeploy does not render with the templates that serve.
func (h *Handlers) CheckRender(ctx context.Context, object *unstructured.Unstructured) error {
	settings, err := h.projectSettings(ctx, object.GetNamespace())
	if err != nil {
		return err
	}
	deploy := rendered{object: object}
	if err := h.renderer.render(ctx, renderInput{templates: h.Templates(), settings: settings}, &deploy); err != nil {
		return err
	}
	return deploy.err
}

// Dialect returns the dialect of a live NpuDeploy's inference server, "" if it is unknown, and the
// catalogue of the templates that decide it.
func (h *Handlers) Dialect(ctx context.Context, object *unstructured.Unstructured) (string, *render.Catalogue, error) {
	settings, err := h.projectSettings(ctx, object.GetNamespace())
	if err != nil {
		return "", nil, err
	}
	deploy, input := rendered{object: object}, renderInput{templates: h.Templates(), settings: settings}
	if err := h.renderer.renderLive(ctx, input, &deploy); err != nil {
		return "", nil, err
	}
	if deploy.err != nil {
		return "", nil, deploy.err
	}
	return deploy.result.Resolved.Dialect, input.templates.Catalogue, nil
}

func (h *Handlers) setStale(w http.ResponseWriter, resources ...string) {
	rest.SetStale(w, h.Cluster.UnreachableSince(resources...), h.Clock())
}
