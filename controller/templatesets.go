package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// maxRevisions is how many sets are kept in addition to those in use.
	maxRevisions = 10
	// maxMissing bounds the digests that are kept because no set has them.
	maxMissing = 100
)

// templateSets keeps every set of templates that has served as a ControllerRevision in the
// controller's namespace, so that an NpuDeploy can stay on a set or return to it. Without a namespace, sets are kept
// until the controller ends.
type templateSets struct {
	client    client.Client
	namespace string
	// used returns the digests that NpuDeploys use.
	used func(ctx context.Context) ([]string, error)

	mu       sync.Mutex
	loaded   bool
	byDigest map[string]*revision
	missing  map[string]bool // digests that are not stored
	last     int64           // number of the newest
}

// revision is one set.
type revision struct {
	number int64
	// compile returns the same set each time. A set of another version of the controller may not
	// compile.
	compile func() (*render.Templates, error)
}

func newTemplateSets(client client.Client, namespace string, used func(context.Context) ([]string, error)) *templateSets {
	return &templateSets{client: client, namespace: namespace, used: used, byDigest: map[string]*revision{}, missing: map[string]bool{}}
}

// keep stores the serving set, before anything is rendered with it. It loads the earlier ones first.
// A set that the API server rejects is kept in memory.
func (r *templateSets) keep(ctx context.Context, serving *render.Templates) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded {
		if err := r.load(ctx, client.HasLabels{templates.LabelStored}); err != nil {
			return err
		}
		r.loaded = true
	} else if r.byDigest[serving.Digest] != nil {
		return nil
	}
	if r.byDigest[serving.Digest] == nil {
		if err := r.store(ctx, serving); err != nil {
			return err
		}
	}
	return r.prune(ctx, serving.Digest)
}

func (r *templateSets) store(ctx context.Context, serving *render.Templates) error {
	packed, err := templates.Pack(serving.Module)
	if err == nil {
		err = r.create(ctx, serving.Digest, packed)
	}
	if isRejected(err) {
		logr.FromContextOrDiscard(ctx).Error(err, "Could not store the templates: after a restart, NpuDeploys do not stay on them", "digest", serving.Digest)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("storing templates %s: %w", serving.Digest, err)
	}
	r.add(r.last+1, serving.Digest, packed)
	return nil
}

// add adds a set, which is compiled when an NpuDeploy uses it.
func (r *templateSets) add(number int64, digest string, packed []byte) {
	r.last = max(r.last, number)
	delete(r.missing, digest)
	r.byDigest[digest] = &revision{number, sync.OnceValues(func() (*render.Templates, error) {
		set, err := compilePacked(packed)
		if err != nil {
			return nil, unusableSetError{fmt.Errorf("templates %s cannot be used by this version of the controller: %w", digest, err)}
		}
		return set, nil
	})}
}

func compilePacked(packed []byte) (*render.Templates, error) {
	files, err := templates.Unpack(packed)
	if err != nil {
		return nil, err
	}
	return render.Compile(files)
}

// get returns a set, or nil if it is not kept. Another controller may have stored it since.
func (r *templateSets) get(ctx context.Context, digest string) (*revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.byDigest[digest]
	if kept != nil || r.missing[digest] || r.namespace == "" || !rollout.IsDigest(digest) {
		return kept, nil
	}
	if err := r.load(ctx, client.MatchingLabels(templates.StoredMeta(r.namespace, digest).Labels)); err != nil {
		return nil, err
	}
	if r.byDigest[digest] == nil {
		if len(r.missing) == maxMissing {
			clear(r.missing) // Annotations of NpuDeploys may contain any digest.
		}
		r.missing[digest] = true
	}
	return r.byDigest[digest], nil
}

// newest returns the serving set or, if its rollout is halted, the newest one that has no incomplete rollout, or
// nothing.
func (r *templateSets) newest(serving string, rollouts []v1.TemplateRollout) string {
	latest := rollout.LatestOf(rollouts)
	if !latest.IsHalted(serving) {
		return serving
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := ""
	for digest, kept := range r.byDigest {
		if !latest.IsIncomplete(digest) && (newest == "" || kept.number > r.byDigest[newest].number) {
			newest = digest
		}
	}
	return newest
}

// load reads the revisions that a selector selects.
func (r *templateSets) load(ctx context.Context, selector client.ListOption) error {
	if r.namespace == "" {
		return nil
	}
	var list appsv1.ControllerRevisionList
	err := r.client.List(ctx, &list, client.InNamespace(r.namespace), selector)
	if err != nil && !apierrors.IsForbidden(err) { // keep logs that.
		return fmt.Errorf("listing stored templates: %w", err)
	}
	for i := range list.Items {
		digest, archive, err := templates.ReadStored(&list.Items[i])
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Ignored stored templates", "name", list.Items[i].Name)
			continue
		}
		r.add(list.Items[i].Revision, digest, archive)
	}
	return nil
}

func (r *templateSets) create(ctx context.Context, digest string, packed []byte) error {
	if r.namespace == "" {
		return nil
	}
	object, err := templates.NewStored(r.namespace, digest, packed, r.last+1)
	if err != nil {
		return err
	}
	return client.IgnoreAlreadyExists(r.client.Create(ctx, object))
}

// prune deletes sets that are not among the newest, do not serve, and that no NpuDeploy uses.
func (r *templateSets) prune(ctx context.Context, serving string) error {
	if len(r.byDigest) <= maxRevisions {
		return nil
	}
	used, err := r.used(ctx)
	if err != nil {
		return fmt.Errorf("listing templates in use: %w", err)
	}
	newestFirst := slices.SortedFunc(maps.Keys(r.byDigest), func(a, b string) int {
		return cmp.Compare(r.byDigest[b].number, r.byDigest[a].number)
	})
	for _, digest := range newestFirst[maxRevisions:] {
		if digest == serving || slices.Contains(used, digest) {
			continue
		}
		if r.namespace != "" {
			object := &appsv1.ControllerRevision{ObjectMeta: templates.StoredMeta(r.namespace, digest)}
			if err := client.IgnoreNotFound(r.client.Delete(ctx, object)); err != nil {
				return fmt.Errorf("deleting templates %s: %w", digest, err)
			}
		}
		delete(r.byDigest, digest)
	}
	return nil
}
