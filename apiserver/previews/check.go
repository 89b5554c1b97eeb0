package previews

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/archive"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/limits"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
)

// check is what a set of templates would change.
type check struct {
	Templates string            `json:"templates" doc:"digest of the templates that were sent"`
	Serving   string            `json:"serving" doc:"digest of the templates that serve now"`
	Examined  int               `json:"examined" doc:"number of NpuDeploys that were rendered: those that the user may list"`
	Effect    render.Effect     `json:"effect" enum:"None,InPlace,Restart,Delete,Refused" doc:"the worst of all"`
	Deploys   []plan.Impact     `json:"deploys" doc:"each of these NpuDeploys"`
	Projects  []plan.Impact     `json:"projects" doc:"each Project that the user sees"`
	Waves     []rollout.Preview `json:"waves" doc:"the waves in which the controller would update those of these NpuDeploys that have automatic updates"`
}

func (h *Handlers) checkRoute() rest.Route {
	perUser := h.PerUser
	perUser.InFlight = 1
	return rest.Route{
		Operation: openapi.Operation{
			ID: "checkTemplates", Method: http.MethodPost, Path: rest.Prefix + "/policy/check",
			Summary: "Compare a directory of templates with those that serve, for every NpuDeploy that the caller may list and every Project that it may read; nothing is written",
			Accepts: []openapi.Content{{Types: []string{archive.Gzip, archive.Tar, archive.Zip}}},
			Returns: rest.JSON(check{}), Status: http.StatusOK,
		},
		BodyBytes: h.Checks.BodyBytes, Timeout: h.Checks.Time,
		BeforeBody: limits.PerUser(perUser, h.Clock), AfterBody: limits.InFlight(h.Checks.InFlight),
		Handler: h.check,
	}
}

func (h *Handlers) check(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	candidate, err := readTemplates(r)
	if err != nil {
		return err
	}
	digest, err := render.Digest(candidate)
	if err != nil {
		return err
	}
	visible, settings, err := h.visible(r.Context(), user)
	if err != nil {
		return err
	}
	serving := h.Templates()
	planned, err := templates.Plan(r.Context(), serving.Module, candidate, visible, settings)
	if err != nil {
		return h.explainRejection(err)
	}
	h.setStale(w, live.NpuDeploys, live.Projects)
	return rest.WriteJSON(w, http.StatusOK, check{
		Templates: digest, Serving: serving.Digest, Examined: len(visible.Deploys),
		Effect: planned.Effect, Deploys: planned.Deploys, Projects: planned.Projects, Waves: append([]rollout.Preview{}, planned.Waves...),
	})
}

// visible returns what the user sees, and the settings of its namespaces.
func (h *Handlers) visible(ctx context.Context, user *kube.UserClient) (templates.Live, map[string]render.ProjectSettings, error) {
	deploys, err := npudeploys.Visible(ctx, h.Cluster, user)
	if err != nil {
		return templates.Live{}, nil, err
	}
	projects, skipped, err := h.VisibleProjects(ctx, user, "")
	if err = cmp.Or(err, skipped); err != nil { // a check is never incomplete
		return templates.Live{}, nil, err
	}
	settings, err := h.allProjectSettings(ctx, deploys)
	return templates.Live{Deploys: deploys, Projects: projects}, settings, err
}

// readTemplates reads a body that is an archive.
func readTemplates(r *http.Request) (fs.FS, error) {
	media, err := rest.MediaType(r, archive.Gzip, archive.Tar, archive.Zip)
	if err != nil {
		return nil, err
	}
	content, err := rest.ReadBody(r)
	if err != nil {
		return nil, err
	}
	candidate, err := archive.Read(media, content)
	if errors.Is(err, archive.ErrTooLarge) {
		return nil, problem.New(http.StatusRequestEntityTooLarge, rest.FirstLine(err.Error()))
	}
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, rest.FirstLine(err.Error()))
	}
	return candidate, nil
}

// explainRejection returns a 422 for templates that cannot be evaluated, however they fail in
// the process that evaluates them.
func (h *Handlers) explainRejection(err error) error {
	if rejected, ok := errors.AsType[*templates.RejectedError](err); ok {
		p := problem.New(http.StatusUnprocessableEntity, "the templates do not compile, or do not render the examples")
		p.Reason = metav1.StatusReasonInvalid
		for _, violation := range rejected.Violations {
			p.Errors = append(p.Errors, problem.FieldError{Field: positionOf(violation), Message: violation.Message})
		}
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p := problem.New(http.StatusUnprocessableEntity, fmt.Sprintf("the templates were not evaluated within %s", h.Checks.Time))
		p.Reason = metav1.StatusReasonInvalid
		return p
	}
	if errors.Is(err, context.Canceled) {
		return problem.New(http.StatusRequestTimeout, "the client did not wait for the response")
	}
	return err
}

// positionOf returns a violation's file:line, empty if it has none.
func positionOf(violation render.Violation) string {
	if violation.Position.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", violation.Position.Filename, violation.Position.Line)
}
