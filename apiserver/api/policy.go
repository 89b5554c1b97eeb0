package api

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
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// policyCheck is what a set of templates would do.
type policyCheck struct {
	Templates string        `json:"templates" doc:"digest of the templates that were sent"`
	Serving   string        `json:"serving" doc:"digest of the templates that serve now"`
	Examined  int           `json:"examined" doc:"how many NpuDeploys were looked at: those that the person may list"`
	Effect    render.Effect `json:"effect" doc:"the worst of all"`
	Deploys   []plan.Impact `json:"deploys" doc:"each of these NpuDeploys"`
	Projects  []plan.Impact `json:"projects" doc:"each Project that the person sees"`
}

func (a *API) policyRoute() route {
	bounds := a.options.Limits.Check
	each := a.options.Limits.Person
	each.InFlight = 1
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPost, Path: prefix + "/policy/check",
			Summary: "Say what a directory of templates would do to every NpuDeploy that I may list and every Project that I see; nothing is written",
			Accepts: openapi.Content{Types: []string{archive.Gzip, archive.Tar, archive.Zip}},
			Answers: jsonOf(policyCheck{}), Status: http.StatusOK,
		},
		bodyBytes: bounds.BodyBytes, time: bounds.Time,
		layers: []func(http.Handler) http.Handler{limits.InFlight(bounds.InFlight), limits.PerUser(each, a.options.Clock)},
		serve:  a.checkPolicy,
	}
}

func (a *API) checkPolicy(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	candidate, err := readTemplates(r)
	if err != nil {
		return err
	}
	digest, err := render.Digest(candidate)
	if err != nil {
		return err
	}
	what, facts, err := a.concerned(r.Context(), user)
	if err != nil {
		return err
	}
	serving := a.options.Templates()
	planned, err := templates.Plan(r.Context(), serving.Module, candidate, what, facts)
	if err != nil {
		return a.rejected(err)
	}
	a.stale(w, a.options.Live.UnreachableSince(live.NpuDeploys, live.Projects))
	return writeJSON(w, http.StatusOK, policyCheck{
		Templates: digest, Serving: serving.Digest, Examined: len(what.Deploys),
		Effect: planned.Effect, Deploys: planned.Deploys, Projects: planned.Projects,
	})
}

// concerned is what a check tells a person of, and the facts of its namespaces.
func (a *API) concerned(ctx context.Context, user *kube.UserClient) (templates.Live, map[string]render.ProjectSettings, error) {
	deploys, err := a.visible(ctx, user)
	if err != nil {
		return templates.Live{}, nil, err
	}
	projects, leftOut, err := a.seenProjects(ctx, user, "")
	if err = cmp.Or(err, leftOut); err != nil { // a check leaves out nothing
		return templates.Live{}, nil, err
	}
	facts, err := a.factsOf(ctx, deploys)
	return templates.Live{Deploys: deploys, Projects: projects}, facts, err
}

// readTemplates reads a body that is an archive.
func readTemplates(r *http.Request) (fs.FS, error) {
	media, err := mediaOf(r, archive.Gzip, archive.Tar, archive.Zip)
	if err != nil {
		return nil, err
	}
	content, err := readBody(r)
	if err != nil {
		return nil, err
	}
	candidate, err := archive.Read(media, content)
	if errors.Is(err, archive.ErrTooLarge) {
		return nil, problem.New(http.StatusRequestEntityTooLarge, firstLine(err.Error()))
	}
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, firstLine(err.Error()))
	}
	return candidate, nil
}

// rejected is the problem of templates that make no plan. Whatever they did to the process
// that evaluated them, or did not end doing, is theirs to mend.
func (a *API) rejected(err error) error {
	var why *templates.RejectedError
	if errors.As(err, &why) {
		p := problem.New(http.StatusUnprocessableEntity, "the templates do not compile, or do not render the examples")
		p.Reason = metav1.StatusReasonInvalid
		for _, violation := range why.Violations {
			p.Errors = append(p.Errors, problem.FieldError{Field: placeOf(violation), Message: violation.Message})
		}
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p := problem.New(http.StatusUnprocessableEntity, fmt.Sprintf("the templates were not evaluated within %s", a.options.Limits.Check.Time))
		p.Reason = metav1.StatusReasonInvalid
		return p
	}
	if errors.Is(err, context.Canceled) {
		return problem.New(http.StatusRequestTimeout, "the client did not wait for the answer")
	}
	return err
}

// placeOf returns a violation's file:line, empty without a file.
func placeOf(violation render.Violation) string {
	if violation.Position.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", violation.Position.Filename, violation.Position.Line)
}
