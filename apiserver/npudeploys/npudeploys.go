// Package npudeploys serves NpuDeploys: list, read, watch, scale and restart. Package
// resources writes them.
//
// Lists and watches are served from the server's own watch (package live), after an access
// review as the user.
package npudeploys

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Resource is the name of NpuDeploys in RBAC's rules.
const Resource = live.NpuDeploys

// The schemas of the OpenAPI document.
const (
	Schema      = openapi.Ref("NpuDeploy")
	InputSchema = openapi.Ref("NpuDeployInput")
	ListSchema  = openapi.Ref("NpuDeployList")
	EventSchema = openapi.Ref("NpuDeployEvent")
)

// The paths of NpuDeploys.
const (
	allPath        = rest.Prefix + "/npudeploys"
	collectionPath = rest.Prefix + "/namespaces/{namespace}/npudeploys"
	ObjectPath     = collectionPath + "/{name}"
)

// Kind returns the kind as package resources writes it.
func Kind() resources.Kind {
	return resources.Kind{
		Name: v1.Kind, WithArticle: "an NpuDeploy", Resource: Resource, Schema: Schema, InputSchema: InputSchema,
		CollectionPath: collectionPath, ObjectPath: ObjectPath, KeptManager: restartManager,
	}
}

// Need returns the permission to do verb with NpuDeploys.
func Need(verb string) rest.Need { return rest.Need{Verb: verb, Group: v1.Group, Resource: Resource} }

// Options are the dependencies of Handlers.
type Options struct {
	Cluster *live.Cache
	Streams *rest.Streams
	Clock   func() time.Time
	// CheckRender returns an error if an NpuDeploy does not render.
	CheckRender func(ctx context.Context, deploy *unstructured.Unstructured) error
}

// Handlers serve NpuDeploys.
type Handlers struct {
	Options

	bodies bodies
	turns  turns
}

// New returns Handlers.
func New(options Options) *Handlers { return &Handlers{Options: options, turns: newTurns()} }

// Routes returns all routes of NpuDeploys.
func (h *Handlers) Routes() []rest.Route {
	kind := Kind()
	kind.CheckDryRun = h.CheckRender
	return slices.Concat(h.readRoutes(), h.watchRoutes(), kind.Routes(), scaleRoutes(), historyRoutes(), []rest.Route{h.restartRoute(), updateRoute()})
}

// catchUpTimeout is how long a list waits for a version that the server has not observed yet.
const catchUpTimeout = 3 * time.Second

// State returns all NpuDeploys as the server observed them last, at a version or later.
func State(ctx context.Context, cluster *live.Cache, version string) (live.Snapshot, error) {
	state, changed := cluster.Deploys().Snapshot()
	if state.Version == "" {
		return live.Snapshot{}, rest.NotSynced()
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	for !state.Includes(version) {
		select {
		case <-changed:
			state, changed = cluster.Deploys().Snapshot()
		case <-ctx.Done():
			late := problem.New(http.StatusGatewayTimeout, "the server has observed version "+state.Version+", and not yet "+version)
			late.RetryAfter = 1
			return live.Snapshot{}, late
		}
	}
	return state, nil
}

// Visible returns the NpuDeploys that the user may list, in the order of their keys. They
// must not be modified.
func Visible(ctx context.Context, cluster *live.Cache, user *kube.UserClient) ([]v1.NpuDeploy, error) {
	state, err := State(ctx, cluster, "")
	if err != nil {
		return nil, err
	}
	access, err := rest.ReviewAccess(ctx, user, Need("list"), "")
	if err != nil {
		return nil, err
	}
	visible, err := filter(ctx, access, state.Deploys)
	if err != nil {
		return nil, err
	}
	deploys := make([]v1.NpuDeploy, len(visible))
	for i, deploy := range visible {
		deploys[i] = *deploy.NpuDeploy
	}
	return deploys, nil
}

// filter returns the deploys that the user has access to.
func filter(ctx context.Context, access *rest.Access, deploys []*live.Deploy) ([]*live.Deploy, error) {
	if access.Unrestricted() {
		return deploys, nil
	}
	if err := access.Review(ctx, NamespacesOf(deploys)); err != nil {
		return nil, err
	}
	var visible []*live.Deploy
	for _, deploy := range deploys {
		if access.Namespaces()[deploy.Namespace] {
			visible = append(visible, deploy)
		}
	}
	return visible, nil
}

// NamespacesOf yields each namespace of deploys, which are in the order of their keys.
func NamespacesOf(deploys []*live.Deploy) iter.Seq[string] {
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

func newRoute(id, path, summary string, answers openapi.Content, verb string, handler rest.Handler) rest.Route {
	return rest.Route{
		Operation: openapi.Operation{ID: id, Method: http.MethodGet, Path: path, Summary: summary, Returns: answers, Status: http.StatusOK},
		Needs:     rest.Needs(Resource, verb), Handler: handler,
	}
}
