package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
	tmpl "github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// templateState is which templates this server uses, and how far the cluster is with them.
type templateState struct {
	Digest   string          `json:"digest" doc:"of the set that this server renders previews by"`
	Since    time.Time       `json:"since" doc:"when it began to"`
	Source   string          `json:"source" doc:"CompiledIn, or Directory: the one of --templates"`
	Rejected *rejectedSet    `json:"rejected,omitempty" doc:"what the directory holds and does not serve; absent while all is well"`
	Rollout  []renderedCount `json:"rollout" doc:"NpuDeploys that the person may list, by the set that the controller rendered them by last"`
}

// rejectedSet has its reasons for who may list the NpuDeploys of all namespaces and the
// Projects: they name those that would not render.
type rejectedSet struct {
	Since     time.Time `json:"since" doc:"when it was refused"`
	Candidate string    `json:"candidate,omitempty" doc:"its digest, or why it cannot be read; for who may list all NpuDeploys and Projects"`
	Reasons   []string  `json:"reasons,omitempty" doc:"what is wrong with it, a line each; for the same"`
}

type renderedCount struct {
	Digest     string `json:"digest,omitempty" doc:"absent: not rendered yet"`
	Serving    bool   `json:"serving" doc:"it is this server's set"`
	NpuDeploys int    `json:"npudeploys" doc:"how many"`
}

func (a *API) templateRoutes() []route {
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: prefix + "/templates", Summary: "Which templates are in use, and how far their rollout is",
				Answers: jsonOf(templateState{}), Status: http.StatusOK,
			},
			serve: a.templates,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: prefix + "/catalogue", Summary: "What an NpuDeploy may ask for, and what follows if it does not",
				Query:   []openapi.Parameter{{Name: "namespace", Doc: "say what policy allows there"}},
				Answers: jsonOf(render.Catalogue{}), Status: http.StatusOK,
			},
			needs: needs(resource, "list"), serve: a.catalogue,
		},
	}
}

// catalogue has exceptions of policy for who may list the NpuDeploys that they are of.
func (a *API) catalogue(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	set := a.options.Templates()
	catalogue, tag := set.Catalogue, `"`+set.Digest+`"`
	if namespace := r.URL.Query().Get("namespace"); namespace != "" {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			return problem.New(http.StatusBadRequest, "no namespace can have this name")
		}
		if _, err := rightsOf(r.Context(), user, toDeploys("list"), namespace); err != nil {
			return err
		}
		catalogue, tag = catalogue.In(namespace), `"`+set.Digest+"/"+namespace+`"`
	}
	w.Header().Set("ETag", tag)
	if has(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeJSON(w, http.StatusOK, catalogue)
}

func (a *API) templates(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploys, err := a.visible(r.Context(), user)
	if err != nil {
		return err
	}
	state := a.options.TemplateState()
	answer := templateState{
		Digest: state.Set.Digest, Since: state.Since.UTC(), Source: "CompiledIn",
		Rollout: rolloutOf(deploys, state.Set.Digest),
	}
	if state.Directory != "" {
		answer.Source = "Directory"
	}
	if answer.Rejected, err = rejectionFor(r.Context(), user, state.Rejected); err != nil {
		return err
	}
	a.stale(w, a.options.Live.UnreachableSince(live.NpuDeploys))
	return writeJSON(w, http.StatusOK, answer)
}

// rolloutOf counts by digest, the most frequent first.
func rolloutOf(deploys []v1.NpuDeploy, serving string) []renderedCount {
	counts := map[string]int{}
	for i := range deploys {
		counts[deploys[i].Status.Templates]++
	}
	rollout := make([]renderedCount, 0, len(counts))
	for digest, count := range counts {
		rollout = append(rollout, renderedCount{Digest: digest, Serving: digest == serving, NpuDeploys: count})
	}
	slices.SortFunc(rollout, func(a, b renderedCount) int {
		return cmp.Or(b.NpuDeploys-a.NpuDeploys, strings.Compare(a.Digest, b.Digest))
	})
	return rollout
}

// rejectionFor leaves the reasons out for who may not see all that they may name.
func rejectionFor(ctx context.Context, user *kube.UserClient, rejected *tmpl.Rejection) (*rejectedSet, error) {
	if rejected == nil {
		return nil, nil
	}
	answer := &rejectedSet{Since: rejected.Time.UTC()}
	for _, resource := range []string{resource, "projects"} {
		if all, err := user.Can(ctx, "list", v1.Group, resource, "", ""); err != nil || !all {
			return answer, err
		}
	}
	answer.Candidate, answer.Reasons = rejected.Candidate, strings.Split(rejected.Reason.Error(), "\n")
	return answer, nil
}
