package dashboard

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"

	"github.com/dudaji/nufi/apiserver/archive"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
)

const checkOperation = "checkTemplates"

// uploadContent is the media type of a form with a file.
const uploadContent = "multipart/form-data"

// formOverhead is what the form adds to the archive, in bytes.
const formOverhead = 8 << 10

// maxImpacts is the number of deployments and projects whose effect a page shows.
const maxImpacts = 200

// checkRoute returns the route that shows what templates in an archive would change. It has the limits
// of the route of REST.
func (h *Handlers) checkRoute() rest.Route {
	check := h.route(checkOperation)
	form := h.newForm("submitCheck", templatesPath+"/check", "Form: show what the templates in an archive would change; it changes nothing", checkOperation, h.checkTemplates, uploadContent)
	form.Status = http.StatusOK
	form.Accepts = []openapi.Content{{Types: []string{uploadContent}, Schema: map[string]any{
		"type": "object", "properties": map[string]any{"archive": map[string]any{"type": "string", "format": "binary"}},
	}}}
	form.BodyBytes, form.Timeout, form.BeforeBody, form.AfterBody = check.BodyBytes+formOverhead, check.Timeout, check.BeforeBody, check.AfterBody
	return form
}

// checkView is what a candidate would change.
type checkView struct {
	Templates string        `json:"templates"`
	Serving   string        `json:"serving"`
	Effect    render.Effect `json:"effect"`
	Deploys   []plan.Impact `json:"deploys"`
	Projects  []plan.Impact `json:"projects"`
	Waves     []struct {
		Name    string   `json:"name"`
		Deploys []string `json:"deploys"`
	} `json:"waves"`

	Counts  []effectCount `json:"-"`
	Changes []plan.Impact `json:"-"` // the worst first, at most maxImpacts
	Hidden  int           `json:"-"` // number of changes that are not shown
}

// effectCount is the number of deployments and projects with an effect.
type effectCount struct {
	Effect render.Effect
	Count  int
}

// effects returns all effects, the worst first, with their keys in words below "result.".
func effects() []render.Effect {
	return []render.Effect{render.Refused, render.Delete, render.Restart, render.InPlace, render.None}
}

// summarize sets the counts and the changes.
func (c *checkView) summarize() {
	all := slices.Concat(c.Projects, c.Deploys)
	for _, effect := range effects() {
		count := effectCount{Effect: effect}
		for _, impact := range all {
			if impact.Effect == effect {
				count.Count++
			}
		}
		c.Counts = append(c.Counts, count)
	}
	changes := slices.DeleteFunc(all, func(impact plan.Impact) bool { return impact.Effect == render.None })
	slices.SortStableFunc(changes, func(a, b plan.Impact) int {
		return cmp.Compare(slices.Index(effects(), a.Effect), slices.Index(effects(), b.Effect))
	})
	shown := min(len(changes), maxImpacts)
	c.Changes, c.Hidden = changes[:shown], len(changes)-shown
}

// checkTemplates shows the effect of the archive in a form.
func (h *Handlers) checkTemplates(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	in, err := archiveInput(r)
	check := &checkView{}
	if err == nil {
		_, err = h.read(r, user, checkOperation, in, check)
	}
	if err != nil {
		return h.failTemplates(w, r, user, checkOperation, err)
	}
	check.summarize()
	page, answer, err := h.templates(r, user)
	if err != nil {
		return err
	}
	page.Check = check
	return h.writeTemplates(w, r, page, answer)
}

// archiveInput returns the file of a form with its media type, which its first bytes show.
func archiveInput(r *http.Request) (input, error) {
	file, _, err := r.FormFile("archive") // The body has been read, so that this writes no file.
	if err != nil {
		return input{}, problem.New(http.StatusBadRequest, "the form has no archive")
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(file)
	if err != nil {
		return input{}, problem.New(http.StatusBadRequest, "the archive cannot be read")
	}
	media := archive.Tar
	switch {
	case bytes.HasPrefix(content, []byte("\x1f\x8b")):
		media = archive.Gzip
	case bytes.HasPrefix(content, []byte("PK\x03\x04")):
		media = archive.Zip
	}
	return input{contentType: media, body: string(content)}, nil
}
