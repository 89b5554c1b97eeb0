package dashboard

import (
	"net/http"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

const templatesOperation = "readTemplates"

func (h *Handlers) templatesRoute() rest.Route {
	return h.newPage("showTemplates", "/templates", "Page: which templates serve", templatesOperation, h.templates)
}

// templatesPage is the model of pages/templates.html.
type templatesPage struct {
	Digest   string    `json:"digest"`
	Since    time.Time `json:"since"`
	Source   string    `json:"source"`
	Rejected *struct {
		Since     time.Time `json:"since"`
		Candidate string    `json:"candidate"`
		Reasons   []string  `json:"reasons"`
	} `json:"rejected"`
	Rollout []struct {
		Digest     string `json:"digest"`
		Serving    bool   `json:"serving"`
		NpuDeploys int    `json:"npudeploys"`
	} `json:"rollout"`

	ServingSince, RejectedSince moment
	Total                       int // NpuDeploys that the user may list
}

func (h *Handlers) templates(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page := templatesPage{}
	answer, err := h.read(r, user, templatesOperation, input{}, &page)
	if err != nil {
		return err
	}
	page.ServingSince = momentOf(page.Since, h.Clock())
	if page.Rejected != nil {
		page.RejectedSince = momentOf(page.Rejected.Since, h.Clock())
	}
	for _, set := range page.Rollout {
		page.Total += set.NpuDeploys
	}
	return h.writeRead(w, r, "templates.html", "templates", answer, page)
}
