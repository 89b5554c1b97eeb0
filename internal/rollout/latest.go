package rollout

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// New returns the rollout that the controller creates for a set, which it keeps in a namespace.
func New(templates string, revision int64, storedIn string) *v1.TemplateRollout {
	created := &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: templates, Revision: revision}}
	created.Name = NameOf(revision)
	created.Annotations = map[string]string{v1.AnnotationChecksum: checksum(created)}
	if storedIn != "" {
		created.Annotations[v1.AnnotationStoredIn] = storedIn
	}
	return created
}

// NameOf returns the name of the rollout with the revision.
func NameOf(revision int64) string { return fmt.Sprintf("templates-%d", revision) }

// RevisionOf returns the revision of the rollout that NameOf names, or 0 for another name.
func RevisionOf(name string) int64 {
	var revision int64
	_, _ = fmt.Sscanf(name, "templates-%d", &revision)
	return revision
}

func checksum(rollout *v1.TemplateRollout) string {
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%s %d %s", rollout.Name, rollout.Spec.Revision, rollout.Spec.Templates)
	return fmt.Sprintf("%016x", hash.Sum64())
}

// IsOwn reports whether the controller created a rollout. A rollout that a user created, such as a copy with a higher
// revision, must not supersede the others.
func IsOwn(rollout *v1.TemplateRollout) bool {
	return rollout.Annotations[v1.AnnotationChecksum] == checksum(rollout)
}

// SortNewestFirst sorts rollouts by their revisions. Those that the controller did not create are last.
func SortNewestFirst(rollouts []v1.TemplateRollout) {
	slices.SortFunc(rollouts, func(a, b v1.TemplateRollout) int {
		switch isOwn := IsOwn(&a); {
		case isOwn == IsOwn(&b):
			return cmp.Compare(b.Spec.Revision, a.Spec.Revision)
		case isOwn:
			return -1
		}
		return 1
	})
}

// ErrNoRollout means that no rollout has the name, the revision or the digest.
var ErrNoRollout = errors.New("there is no such rollout of templates")

// minDigits is the minimum length of the beginning of a digest: a shorter text may be a revision.
const minDigits = 6

// Select returns the rollout with the name, the revision, the digest or the beginning of the digest, in this
// order; the newest of a digest.
func Select(newestFirst []v1.TemplateRollout, which string) (*v1.TemplateRollout, error) {
	digits := strings.TrimPrefix(which, "sha256:")
	for _, matches := range []func(v1.TemplateRollout) bool{
		func(r v1.TemplateRollout) bool { return r.Name == which },
		func(r v1.TemplateRollout) bool { return strconv.FormatInt(r.Spec.Revision, 10) == which },
		func(r v1.TemplateRollout) bool {
			return len(digits) >= minDigits && strings.HasPrefix(strings.TrimPrefix(r.Spec.Templates, "sha256:"), digits)
		},
	} {
		if i := slices.IndexFunc(newestFirst, matches); i >= 0 {
			return &newestFirst[i], nil
		}
	}
	return nil, fmt.Errorf("templates/%s: %w", which, ErrNoRollout)
}

// StoredIn returns the namespace in which the controller keeps sets of templates, or "" if no rollout has it.
func StoredIn(newestFirst []v1.TemplateRollout) string {
	for i := range newestFirst {
		if namespace := newestFirst[i].Annotations[v1.AnnotationStoredIn]; namespace != "" {
			return namespace
		}
	}
	return ""
}

// Latest are the newest rollouts of sets of templates that the controller created, by digest.
type Latest map[string]*v1.TemplateRollout

// LatestOf returns the newest rollout of each set.
func LatestOf(newestFirst []v1.TemplateRollout) Latest {
	latest := Latest{}
	for i := range newestFirst {
		if digest := newestFirst[i].Spec.Templates; latest[digest] == nil && IsOwn(&newestFirst[i]) {
			latest[digest] = &newestFirst[i]
		}
	}
	return latest
}

// IsHalted reports whether the set must not be used: its newest rollout is halted.
func (l Latest) IsHalted(digest string) bool {
	newest := l[digest]
	return newest != nil && isTrue(newest, v1.ConditionHalted)
}

// IsIncomplete reports whether the newest rollout of the set is not complete, such as a superseded one.
func (l Latest) IsIncomplete(digest string) bool {
	newest := l[digest]
	return newest != nil && !IsComplete(newest)
}

// ProjectLabels returns the labels of Projects by name, by which stages select them.
func ProjectLabels(projects []v1.Project) map[string]map[string]string {
	labels := make(map[string]map[string]string, len(projects))
	for i := range projects {
		labels[projects[i].Name] = projects[i].Labels
	}
	return labels
}

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{12}$`)

// IsDigest reports whether a text is a whole digest of a set, as render.Templates.Digest is.
func IsDigest(text string) bool { return digestPattern.MatchString(text) }
