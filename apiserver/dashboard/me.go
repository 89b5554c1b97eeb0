package dashboard

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
)

func (h *Handlers) meRoute() rest.Route {
	return h.newPage("showMe", "/me", "Page: who the caller is, and what it may do", meOperation, h.me,
		openapi.Parameter{Name: "namespace", Doc: "list my permissions there", AllowEmpty: true})
}

// mePage is the model of pages/me.html.
type mePage struct {
	Name     string      `json:"name"`
	Groups   []string    `json:"groups"`
	Projects []myProject `json:"projects"`
	May      *struct {
		Namespace string `json:"namespace"`
		Rules     []struct {
			Verbs     []string `json:"verbs"`
			Groups    []string `json:"groups"`
			Resources []string `json:"resources"`
			Names     []string `json:"names"`
		} `json:"rules"`
	} `json:"may"`

	Namespace string
	Abilities []ability // in the namespace
	Cluster   []ability
}

// ability is something that the pages do, with its key in words, and whether the user may do it.
type ability struct {
	Word    string
	Allowed bool
}

// abilities returns what the pages do by the operation of REST, in a namespace and in the cluster.
func abilities() (inNamespace, inCluster [][2]string) {
	return [][2]string{
			{"may.read", readOperation}, {"may.create", createOperation}, {"may.change", scaleOperation}, {"may.delete", deleteOperation}, {"may.logs", logOperation},
		}, [][2]string{
			{"may.createProject", createProjectOperation}, {"may.changeProject", patchProjectOperation}, {"may.deleteProject", deleteProjectOperation}, {"may.rollouts", "pauseTemplateRollout"},
		}
}

func (h *Handlers) me(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page, in := mePage{Namespace: r.URL.Query().Get("namespace")}, input{}
	if page.Namespace != "" {
		in.query = map[string][]string{"namespace": {page.Namespace}}
	}
	answer, err := h.read(r, user, meOperation, in, &page)
	if err != nil {
		return err
	}
	inNamespace, inCluster := abilities()
	if page.Namespace != "" {
		if page.Abilities, err = h.abilitiesIn(r, user, inNamespace, page.Namespace); err != nil {
			return err
		}
	}
	if page.Cluster, err = h.abilitiesIn(r, user, inCluster, ""); err != nil {
		return err
	}
	return h.writeRead(w, r, "me.html", "me", answer, page)
}

func (h *Handlers) abilitiesIn(r *http.Request, user *kube.UserClient, names [][2]string, namespace string) ([]ability, error) {
	result := make([]ability, len(names))
	for i, name := range names {
		lack, err := missing(r.Context(), user, h.route(name[1]).Needs, namespace, "")
		if err != nil {
			return nil, err
		}
		result[i] = ability{name[0], lack == nil}
	}
	return result, nil
}
