package dashboard

import (
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The operations of REST that the actions call.
const (
	restartOperation = "restartNpuDeploy"
	scaleOperation   = "scaleNpuDeploy"
	deleteOperation  = "deleteNpuDeploy"
	updateOperation  = "updateNpuDeploy"
	// deletionOperation lists what deleteOperation deletes.
	deletionOperation = "previewDeletion"
)

// updateName is the action that only deployments with an available update have.
const updateName = "update"

// actionNames returns the actions that each deployment has, in their order. Each is a form below deploymentPath.
func actionNames() []string { return []string{"restart", "scale", "delete"} }

func operationOf(action string) string {
	return map[string]string{"restart": restartOperation, "scale": scaleOperation, "delete": deleteOperation, updateName: updateOperation}[action]
}

// action is a button, and the permission that the user lacks for it.
type action struct {
	Name    string
	Missing *problem.Missing
}

func (h *Handlers) actions(r *http.Request, user *kube.UserClient) ([]action, error) {
	namespace, name := mux.Vars(r)["namespace"], mux.Vars(r)["name"]
	result := make([]action, 0, len(actionNames()))
	for _, verb := range actionNames() {
		lacks, err := h.lacks(r, user, operationOf(verb), namespace, name)
		if err != nil {
			return nil, err
		}
		result = append(result, action{verb, lacks})
	}
	return result, nil
}

// update is the action that applies the templates of status.update.
type update struct {
	action

	Templates, Effect string
}

// updateOf returns the update that is available, or nil. A set that would not render is not one.
func (h *Handlers) updateOf(r *http.Request, user *kube.UserClient, deploy *v1.NpuDeploy) (*update, error) {
	available := deploy.Status.Update
	if available == nil || available.Effect == "Refused" || !meta.IsStatusConditionTrue(deploy.Status.Conditions, v1.ConditionUpdateAvailable) {
		return nil, nil
	}
	lacks, err := h.lacks(r, user, updateOperation, deploy.Namespace, deploy.Name)
	return &update{action{updateName, lacks}, available.Templates, available.Effect}, err
}

// deletedObjects returns the kinds and the names of the objects that are deleted with a deployment.
func (h *Handlers) deletedObjects(r *http.Request, user *kube.UserClient) ([]string, error) {
	var deletion resources.Deletion
	if _, err := h.read(r, user, deletionOperation, input{}, &deletion); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(deletion.Objects))
	for _, object := range deletion.Objects {
		names = append(names, object.Kind+" "+object.Name)
	}
	return names, nil
}

func (h *Handlers) actionRoutes() []rest.Route {
	return []rest.Route{
		h.newForm("submitRestart", deploymentPath+"/restart", "Form: replace every pod", restartOperation, h.act("restart", noInput)),
		h.newForm("submitScale", deploymentPath+"/scale", "Form: set the number of replicas", scaleOperation, h.act("scale", scaleInput)),
		h.newForm("submitUpdate", deploymentPath+"/update", "Form: use the templates of status.update", updateOperation, h.act(updateName, noInput)),
		h.newForm("submitDelete", deploymentPath+"/delete", "Form: delete the deployment; confirm is its name", deleteOperation, h.act("delete", deleteInput)),
	}
}

// act returns the handler of a form, which redirects to a page. An error is shown on the page of
// the deployment.
func (h *Handlers) act(name string, read func(*http.Request) (input, error)) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		in, err := read(r)
		if err == nil {
			_, err = h.call(r, user, operationOf(name), in)
		}
		if err != nil {
			return h.showFailure(w, r, user, name, err)
		}
		if name == "delete" {
			redirect(w, r, "/")
			return nil
		}
		redirect(w, r, deploymentPathOf(mux.Vars(r)["namespace"], mux.Vars(r)["name"]), "done", name)
		return nil
	}
}

// showFailure shows the deployment with the error of an action. Clients that do not accept HTML,
// and users who cannot read the deployment, get the error itself.
func (h *Handlers) showFailure(w http.ResponseWriter, r *http.Request, user *kube.UserClient, name string, failure error) error {
	if !acceptsHTML(r) {
		return failure
	}
	page, answer, err := h.deployment(r, user, tabs()[0])
	if err != nil {
		return failure
	}
	page.Problem = h.problem(r, user, h.route(operationOf(name)).Needs, failure)
	if err := addPods(h, r, user, page); err != nil {
		page.TabError = h.problem(r, user, h.route(podsOperation).Needs, err)
	}
	return h.writeDeployment(w, r, page, answer)
}

func noInput(*http.Request) (input, error) { return input{}, nil }

func scaleInput(r *http.Request) (input, error) {
	replicas, err := strconv.ParseInt(r.PostFormValue("replicas"), 10, 32)
	if err != nil || replicas < 0 {
		return input{}, problem.Invalid("replicas", "must be a number that is not negative")
	}
	return input{contentType: rest.MediaJSON, body: `{"replicas":` + strconv.FormatInt(replicas, 10) + `}`}, nil
}

// deleteInput requires the name of the deployment, which a user does not type by accident.
func deleteInput(r *http.Request) (input, error) {
	if name := mux.Vars(r)["name"]; r.PostFormValue("confirm") != name {
		return input{}, problem.Invalid("confirm", "type the name "+name+" to delete it")
	}
	return input{}, nil
}
