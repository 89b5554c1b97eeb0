package previews

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
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// templateState is which templates serve, and which ones NpuDeploys are rendered with.
type templateState struct {
	Digest   string          `json:"digest" doc:"of the set that this server renders previews with"`
	Since    time.Time       `json:"since" doc:"time since when it serves"`
	Source   string          `json:"source" enum:"CompiledIn,Directory" doc:"Directory is that of --templates"`
	Rejected *rejectedSet    `json:"rejected,omitempty" doc:"the set in the directory that does not serve; absent if it serves"`
	Rollout  []renderedCount `json:"rollout" doc:"NpuDeploys that the user may list, by the set that the controller last rendered them with"`
}

// rejectedSet has candidate and reasons for users who may list the NpuDeploys of all
// namespaces and the Projects: reasons name those that would not render.
type rejectedSet struct {
	Since     time.Time `json:"since" doc:"time of the rejection"`
	Candidate string    `json:"candidate,omitempty" doc:"its digest, or why it cannot be read; for users who may list all NpuDeploys and Projects"`
	Reasons   []string  `json:"reasons,omitempty" doc:"its errors, a line each; for the same users"`
}

type renderedCount struct {
	Digest     string `json:"digest,omitempty" doc:"absent: not rendered yet"`
	Serving    bool   `json:"serving" doc:"it is this server's set"`
	NpuDeploys int    `json:"npudeploys" doc:"number of NpuDeploys"`
}

func (h *Handlers) templatesRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readTemplates", Method: http.MethodGet, Path: rest.Prefix + "/templates", Summary: "Read which templates serve, and the state of their rollout",
			Returns: rest.JSON(templateState{}), Status: http.StatusOK,
		},
		Handler: h.templates,
	}
}

func (h *Handlers) templates(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploys, err := npudeploys.Visible(r.Context(), h.Cluster, user)
	if err != nil {
		return err
	}
	state := h.TemplateState()
	response := templateState{
		Digest: state.Set.Digest, Since: state.Since.UTC(), Source: "CompiledIn",
		Rollout: countRendered(deploys, state.Set.Digest),
	}
	if state.Directory != "" {
		response.Source = "Directory"
	}
	if response.Rejected, err = rejectedFor(r.Context(), user, state.Rejected); err != nil {
		return err
	}
	h.setStale(w, live.NpuDeploys)
	return rest.WriteJSON(w, http.StatusOK, response)
}

// countRendered counts NpuDeploys by digest, the most frequent first.
func countRendered(deploys []v1.NpuDeploy, serving string) []renderedCount {
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

// rejectedFor omits the reasons unless the user may list all objects that they may name.
func rejectedFor(ctx context.Context, user *kube.UserClient, rejection *templates.Rejection) (*rejectedSet, error) {
	if rejection == nil {
		return nil, nil
	}
	response := &rejectedSet{Since: rejection.Time.UTC()}
	for _, resource := range []string{npudeploys.Resource, live.Projects} {
		if allowed, err := user.Can(ctx, "list", v1.Group, resource, "", ""); err != nil || !allowed {
			return response, err
		}
	}
	response.Candidate, response.Reasons = rejection.Candidate, strings.Split(rejection.Reason.Error(), "\n")
	return response, nil
}

func (h *Handlers) catalogueRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readCatalogue", Method: http.MethodGet, Path: rest.Prefix + "/catalogue", Summary: "Read the choices and defaults of an NpuDeploy",
			Query:   []openapi.Parameter{{Name: "namespace", Doc: "apply the policy of this namespace"}},
			Headers: []openapi.Parameter{rest.IfNoneMatchParameter()}, HasETag: true,
			Returns: rest.JSON(render.Catalogue{}), Status: http.StatusOK,
		},
		Needs: rest.Needs(npudeploys.Resource, "list"), Handler: h.catalogue,
	}
}

// catalogue applies a namespace's exceptions of policy for users who may list its NpuDeploys.
func (h *Handlers) catalogue(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	set := h.Templates()
	catalogue, tag := set.Catalogue, `"`+set.Digest+`"`
	if namespace := r.URL.Query().Get("namespace"); namespace != "" {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			return problem.New(http.StatusBadRequest, "no namespace can have this name")
		}
		if _, err := rest.ReviewAccess(r.Context(), user, npudeploys.Need("list"), namespace); err != nil {
			return err
		}
		catalogue, tag = catalogue.In(namespace), `"`+set.Digest+"/"+namespace+`"`
	}
	if rest.NotModified(w, r, tag) {
		return nil
	}
	return rest.WriteJSON(w, http.StatusOK, catalogue)
}
