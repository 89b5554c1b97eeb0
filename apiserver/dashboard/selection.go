package dashboard

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	utilvalidation "k8s.io/apimachinery/pkg/api/validation"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const selectionPath = "/selection"

// selectionPage is the model of pages/selection.html: several deployments, before and after an
// action.
type selectionPage struct {
	Action   string
	Items    []selected
	Replicas string
	Allowed  int  // number of deployments that the user may change
	Done     bool // the action was taken
	Error    *problem.Error
	BackURL  string
	Confirm  string // what deletion requires
}

// selected is a deployment of a selection.
type selected struct {
	Key     string // NAMESPACE/NAME
	URL     string
	Objects []string         // kind/name, which a deletion deletes
	Missing *problem.Missing // permission for the action
	Error   *problem.Error   // of reading it, or of the action
}

func (h *Handlers) selectionRoutes() []rest.Route {
	routes := make([]rest.Route, 0, 1+len(actionNames()))
	routes = append(routes, h.selectionForm("showSelection", selectionPath, "Form: show several deployments and what an action does with them; it changes nothing", readOperation, h.selection))
	for _, action := range actionNames() {
		routes = append(routes, h.selectionForm("submitSelection"+strings.ToUpper(action[:1])+action[1:], selectionPath+"/"+action,
			"Form: "+action+" several deployments; confirm is the number of them if it deletes", operationOf(action), h.actOnSelection(action)))
	}
	return routes
}

// selectionForm returns the route of a form that answers with a page. Each change has its own line
// in the audit log.
func (h *Handlers) selectionForm(id, path, summary, operation string, handler rest.Handler) rest.Route {
	form := h.newForm(id, path, summary, operation, handler)
	form.Status, form.Change = http.StatusOK, ""
	return form
}

// selection shows the selected deployments and what the action does with them.
func (h *Handlers) selection(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	action := r.PostFormValue("action")
	if !slices.Contains(actionNames(), action) {
		return problem.New(http.StatusBadRequest, "action must be one of "+strings.Join(actionNames(), ", "))
	}
	page, err := h.readSelection(r, user, action)
	if err != nil {
		return err
	}
	return h.writeSelection(w, r, page)
}

// writeSelection writes the page. Clients that do not accept HTML get the first error.
func (h *Handlers) writeSelection(w http.ResponseWriter, r *http.Request, page *selectionPage) error {
	if failure := page.failure(); failure != nil && !acceptsHTML(r) {
		return failure
	}
	view := frame{Section: "deployments", Title: words()[languageOf(r)].word("selection." + page.Action), Path: "/", Page: page}
	if page.Error != nil {
		view.Status = page.Error.Status
	}
	return h.views.write(w, r, "selection.html", view)
}

// failure returns the first error of the page, or nil.
func (p *selectionPage) failure() error {
	if p.Error != nil {
		return p.Error
	}
	for _, item := range p.Items {
		if item.Missing != nil {
			return rest.Forbidden(*item.Missing)
		}
		if item.Error != nil {
			return item.Error
		}
	}
	return nil
}

// readSelection reads the deployments that a form has selected.
func (h *Handlers) readSelection(r *http.Request, user *kube.UserClient, action string) (*selectionPage, error) {
	keys, err := selectedKeys(r)
	if err != nil {
		return nil, err
	}
	page := &selectionPage{Action: action, Replicas: cmp.Or(r.PostFormValue("replicas"), "1")}
	language := languageOf(r)
	page.BackURL = language.url("/")
	for _, key := range keys {
		namespace, name, _ := strings.Cut(key, "/")
		item := selected{Key: key, URL: language.url(deploymentPathOf(namespace, name))}
		item.Missing, err = missing(r.Context(), user, h.route(operationOf(action)).Needs, namespace, name)
		if err != nil && !kube.Unreachable(err) {
			return nil, err
		}
		deploy := &v1.NpuDeploy{}
		if _, err := h.read(ofDeployment(r, key), user, readOperation, input{}, deploy); err != nil {
			item.Error = h.problem(ofDeployment(r, key), user, h.route(readOperation).Needs, rest.WithVerb("get", err))
		}
		if action == "delete" && item.Error == nil {
			if item.Objects, err = h.deletedObjects(ofDeployment(r, key), user); err != nil {
				item.Error = h.problem(ofDeployment(r, key), user, h.route(deletionOperation).Needs, err)
			}
		}
		if item.Missing == nil && item.Error == nil {
			page.Allowed++
		}
		page.Items = append(page.Items, item)
	}
	page.Confirm = strconv.Itoa(page.Allowed)
	return page, nil
}

// selectedKeys returns the values of the field select, in their order, each once.
func selectedKeys(r *http.Request) ([]string, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem.New(http.StatusBadRequest, "the form cannot be read")
	}
	var keys []string
	for _, key := range r.PostForm["select"] {
		namespace, name, _ := strings.Cut(key, "/")
		if len(utilvalidation.ValidateNamespaceName(namespace, false))+len(utilvalidation.NameIsDNSSubdomain(name, false)) > 0 {
			return nil, problem.New(http.StatusBadRequest, "select must be NAMESPACE/NAME")
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) > pageSize {
		return nil, problem.New(http.StatusBadRequest, "at most "+strconv.Itoa(pageSize)+" deployments can be selected")
	}
	return keys, nil
}

// ofDeployment returns the request with the names of a deployment, as if its path contained them.
func ofDeployment(r *http.Request, key string) *http.Request {
	namespace, name, _ := strings.Cut(key, "/")
	return mux.SetURLVars(r, map[string]string{"namespace": namespace, "name": name})
}

// actOnSelection returns the handler of a form that changes the selected deployments, one after
// another, and shows the result of each.
func (h *Handlers) actOnSelection(action string) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		page, err := h.readSelection(r, user, action)
		if err != nil {
			return err
		}
		in, err := selectionInput(r, page)
		if err != nil {
			page.Error, _ = problem.From(err)
			return h.writeSelection(w, r, page)
		}
		page.Done = true
		for i := range page.Items {
			item := &page.Items[i]
			switch {
			case item.Missing != nil:
				rest.AuditPart(r, h.route(operationOf(action)), item.Key, http.StatusForbidden)
			case item.Error == nil:
				item.Error = h.changeSelected(r, user, action, item.Key, in)
			}
		}
		return h.writeSelection(w, r, page)
	}
}

// changeSelected calls the action's route of REST, and returns its error.
func (h *Handlers) changeSelected(r *http.Request, user *kube.UserClient, action, key string, in input) *problem.Error {
	route, own := h.route(operationOf(action)), ofDeployment(r, key)
	status := http.StatusOK
	var failure *problem.Error
	if _, err := h.call(own, user, route.ID, in); err != nil {
		failure = h.problem(own, user, route.Needs, err)
		status = failure.Status
	}
	rest.AuditPart(r, route, key, status)
	return failure
}

// selectionInput returns what the form sends to each deployment. Deletion requires the number of
// deployments, which a user does not type by accident.
func selectionInput(r *http.Request, page *selectionPage) (input, error) {
	switch page.Action {
	case "scale":
		return scaleInput(r)
	case "delete":
		if page.Allowed > 0 && r.PostFormValue("confirm") != page.Confirm {
			return input{}, problem.Invalid("confirm", "type the number "+page.Confirm+" to delete them")
		}
	}
	return noInput(r)
}
