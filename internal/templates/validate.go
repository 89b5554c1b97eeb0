package templates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Live has the NpuDeploys and Projects of a cluster.
type Live struct {
	Deploys  []v1.NpuDeploy `json:"deploys,omitempty"`
	Projects []v1.Project   `json:"projects,omitempty"`
}

// RejectedError reports an invalid candidate.
type RejectedError struct{ Violations []render.Violation }

// Error has a line for each violation.
func (e *RejectedError) Error() string {
	lines := make([]string, len(e.Violations))
	for i, violation := range e.Violations {
		lines[i] = violation.Located()
	}
	return strings.Join(lines, "\n")
}

func isRejected(err error) bool {
	_, is := errors.AsType[*RejectedError](err)
	return is
}

// Validate checks in a child process that candidate compiles, and that it renders its presets
// and live to manifests that may be applied. Its policy may forbid some of the examples, not all. The
// error of an invalid candidate is a *RejectedError.
func Validate(ctx context.Context, candidate fs.FS, live Live) error {
	packed, err := Pack(candidate)
	if err != nil {
		return err
	}
	if len(packed) > maxPacked {
		message := fmt.Sprintf("the templates have %d bytes compressed, and may have %d", len(packed), maxPacked)
		return &RejectedError{Violations: []render.Violation{{Message: message}}}
	}
	_, err = runChild(ctx, request{Candidate: packed, Live: live.Specs()})
	return err
}

// validate is the child's part of Validate.
func validate(candidate fs.FS, live Live) []render.Violation {
	set, err := render.Compile(candidate)
	if err != nil {
		return compileViolations(err)
	}
	return slices.Concat(set.Ignored, renderExamples(set), renderPresets(set),
		renderDeploys(set, live.Deploys, render.SettingsByNamespace(live.Projects)), renderProjects(set, live.Projects))
}

func compileViolations(err error) []render.Violation {
	if invalid, ok := errors.AsType[*render.TemplateError](err); ok {
		return invalid.Violations
	}
	return []render.Violation{{Message: err.Error()}}
}

// renderExamples renders the compiled-in examples. An example that the policy of set forbids
// is no violation of the set, unless it forbids all of them.
func renderExamples(set *render.Templates) []render.Violation {
	names, err := fs.Glob(nufi.Examples(), "examples/*/*.yaml")
	if err != nil {
		return compileViolations(err)
	}
	var violations, forbidden []render.Violation
	for _, name := range names {
		content, err := fs.ReadFile(nufi.Examples(), name)
		if err != nil {
			return compileViolations(err)
		}
		for _, document := range render.ReadDocuments(name, content) {
			_, err := plan.DocumentRenderer(document, ownerOf(document)).Render(set)
			if _, isForbidden := errors.AsType[*render.Error](err); isForbidden {
				forbidden = appendError(forbidden, name, err)
			} else {
				violations = appendError(violations, name, err)
			}
		}
	}
	if len(forbidden) == len(names) {
		return forbidden
	}
	return violations
}

// ownerOf returns the owner of a document's manifests. Templates render an NpuDeploy without a
// namespace in the default one.
func ownerOf(document render.Document) manifests.Owner {
	if namespace, _, isProject := document.Settings(); isProject {
		return manifests.ProjectOwner(namespace)
	}
	return manifests.DeployOwner(cmp.Or(document.Namespace, metav1.NamespaceDefault))
}

func renderPresets(set *render.Templates) []render.Violation {
	var violations []render.Violation
	for _, preset := range set.Catalogue.Presets {
		renderer := plan.Renderer{
			Owner:     manifests.DeployOwner(metav1.NamespaceDefault),
			Unchecked: func(set *render.Templates) (*render.Result, error) { return set.RenderPreset(preset) },
		}
		_, err := renderer.Render(set)
		violations = appendError(violations, "preset "+preset.Name, err)
	}
	return violations
}

func renderDeploys(set *render.Templates, deploys []v1.NpuDeploy, settings map[string]render.ProjectSettings) []render.Violation {
	return renderEach(len(deploys), func(i int) (string, error) {
		deploy := &deploys[i]
		_, err := plan.DeployRenderer(deploy, settings[deploy.Namespace]).Render(set)
		return deploy.Namespace + "/" + deploy.Name, err
	})
}

func renderProjects(set *render.Templates, projects []v1.Project) []render.Violation {
	return renderEach(len(projects), func(i int) (string, error) {
		_, err := plan.ProjectRenderer(&projects[i]).Render(set)
		return "project " + projects[i].Name, err
	})
}

// renderEach renders objects in parallel on all processors. It returns the violations in the objects' order.
func renderEach(count int, renderOne func(i int) (name string, err error)) []render.Violation {
	names, errs := make([]string, count), make([]error, count)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range count {
		group.Go(func() error {
			names[i], errs[i] = renderOne(i)
			return nil
		})
	}
	_ = group.Wait() // No function returns an error.
	var violations []render.Violation
	for i, err := range errs {
		violations = appendError(violations, names[i], err)
	}
	return violations
}

// appendError appends the error of rendering name, or of what it renders to, if there is one.
func appendError(violations []render.Violation, name string, err error) []render.Violation {
	if err == nil {
		return violations
	}
	for _, violation := range compileViolations(err) {
		if !isReported(violations, violation, err) {
			violation.Message = "rendering " + name + ": " + violation.Message
			violations = append(violations, violation)
		}
	}
	return violations
}

// isReported reports whether another object has the same error of the templates. The errors of
// specs are reported for each of them.
func isReported(violations []render.Violation, violation render.Violation, err error) bool {
	if _, isForbidden := errors.AsType[*render.Error](err); isForbidden {
		return false
	}
	cause := violation.Message
	if notAllowed, is := errors.AsType[*manifests.NotAllowedError](err); is {
		cause = notAllowed.Message
	}
	return slices.ContainsFunc(violations, func(other render.Violation) bool {
		return other.Position == violation.Position && (violation.Position.IsValid() || strings.HasSuffix(other.Message, cause))
	})
}
