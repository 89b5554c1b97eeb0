package dashboard

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// deploymentPath is the page of one deployment; its tabs and forms are below.
const deploymentPath = "/deployments/{namespace}/{name}"

func deploymentPathOf(namespace, name string) string { return "/deployments/" + namespace + "/" + name }

// The operations of REST that the pages of a deployment call.
const (
	readOperation      = "readNpuDeploy"
	podsOperation      = "listPods"
	eventsOperation    = "listEvents"
	logOperation       = "readLog"
	manifestsOperation = "readManifests"
)

// tabs are the pages of a deployment, in order; the first is at deploymentPath itself.
func tabs() []string { return []string{"pods", "traffic", "events", "logs", "manifests", "spec"} }

// tabContent fills in what a tab shows.
type tabContent func(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error

func (h *Handlers) deploymentRoutes() []rest.Route {
	done := openapi.Parameter{Name: "done", Doc: "the action that was taken", Schema: openapi.Enum(append(actionNames(), updateName, "save")...)}
	return append([]rest.Route{
		h.newPage("showDeployment", deploymentPath, "Page: a deployment and its pods", readOperation, h.tab("pods", podsOperation, addPods), done),
		h.withLive(trafficPageName, h.newPage("showTraffic", deploymentPath+"/traffic", "Page: the traffic of a deployment in the last hour", readOperation, h.tab("traffic", trafficOperation, addTraffic))),
		h.newPage("showEvents", deploymentPath+"/events", "Page: the events of a deployment", readOperation, h.tab("events", eventsOperation, addEvents)),
		h.newPage("showLog", deploymentPath+"/logs", "Page: the log of a pod", logOperation, h.tab("logs", logOperation, addLog),
			openapi.Parameter{Name: "pod", Doc: "name of the pod; absent: the newest that is scheduled", AllowEmpty: true},
			openapi.Parameter{Name: "container", Doc: "name of the container; absent: the server", AllowEmpty: true},
			openapi.Parameter{Name: "previous", Doc: "true: of the container before its restart", Schema: openapi.Boolean()}),
		h.newPage("showManifests", deploymentPath+"/manifests", "Page: the manifests of a deployment", readOperation, h.tab("manifests", manifestsOperation, addManifests)),
		h.newPage("showSpec", deploymentPath+"/spec", "Page: the spec of a deployment", readOperation, h.tab("spec", readOperation, addSpec)),
	}, h.actionRoutes()...)
}

// deploymentPage is the model of pages/deployment.html.
type deploymentPage struct {
	row

	Path      string
	Tab       string
	Tabs      []link
	Image     string
	Stages    []stageView
	HoldUp    *holdUp
	Shortage  *shortage // of devices, if it waits for them
	Others    []metav1.Condition
	Backends  []backend
	Outdated  bool // the status describes an earlier generation
	Deleting  bool
	Objects   []string // kind/name, which a deletion deletes
	Actions   []action
	Update    *update          // that is available
	NoEdit    *problem.Missing // permission to edit
	Replicas  int32
	Done      string
	Problem   *problem.Error // of the action
	TabError  *problem.Error
	Live      string // URL of the page's stream; empty if the tab is not live
	Pods      *podList
	Traffic   *trafficView
	Events    []event
	Log       *logView
	Manifests []manifest
	Spec      string

	deploy    *v1.NpuDeploy
	now       time.Time
	listed    *podList // its pods
	podsError error    // why listed is empty
}

// link is a tab, with its key in words.
type link struct {
	Name, URL string
	Current   bool
}

// moment is a time as pages show it.
type moment struct{ Age, Time string }

func momentOf(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{duration.HumanDuration(now.Sub(t)), t.UTC().Format(time.RFC3339)}
}

// stageView is a stage as the page shows it.
type stageView struct {
	stage

	Since moment
}

// tab returns the handler of a tab. An error of its content is shown in it.
func (h *Handlers) tab(name, operation string, add tabContent) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		page, answer, err := h.deployment(r, user, name)
		if err != nil {
			return err
		}
		if err := add(h, r, user, page); err != nil {
			page.TabError = h.problem(r, user, h.route(operation).Needs, err)
		}
		if name == trafficPageName {
			page.Live = liveURLOf(r)
		}
		if done := r.URL.Query().Get("done"); slices.Contains([]string{"restart", "scale", updateName, "save"}, done) {
			page.Done = done
		}
		return h.writeDeployment(w, r, page, answer)
	}
}

func (h *Handlers) writeDeployment(w http.ResponseWriter, r *http.Request, page *deploymentPage, answer *response) error {
	view := frame{Section: "deployments", Title: page.Name, Path: page.pathOfTab(), Page: page}
	if page.Problem != nil {
		view.Status = page.Problem.Status
	}
	return h.writeFrame(w, r, "deployment.html", view, answer)
}

// deployment reads the deployment that the path names, and returns the page without a tab's
// content.
func (h *Handlers) deployment(r *http.Request, user *kube.UserClient, tab string) (*deploymentPage, *response, error) {
	deploy := &v1.NpuDeploy{}
	answer, err := h.read(r, user, readOperation, input{}, deploy)
	if err != nil {
		return nil, nil, rest.WithVerb("get", err)
	}
	page := &deploymentPage{
		row: newRow(deploy, h.Clock()), Tab: tab, Path: deploymentPathOf(deploy.Namespace, deploy.Name),
		Image: deploy.Status.Image, Outdated: deploy.Status.ObservedGeneration != deploy.Generation,
		Deleting: deploy.DeletionTimestamp != nil, Replicas: replicasOf(deploy), deploy: deploy, now: h.Clock(),
	}
	for _, name := range tabs() {
		path := page.Path + "/" + name
		if name == tabs()[0] {
			path = page.Path
		}
		page.Tabs = append(page.Tabs, link{Name: name, URL: languageOf(r).url(path), Current: name == tab})
	}
	if tab == "pods" || tab == "events" {
		page.Live = liveURL(deploy.ResourceVersion, url.Values{"key": {deploy.Namespace + "/" + deploy.Name}, languageParameter: {string(languageOf(r))}})
	}
	page.listed = &podList{}
	_, page.podsError = h.read(r, user, podsOperation, input{}, page.listed)
	stages, stopped := stagesOf(deploy)
	addTimes(stages, page.listed.Pods)
	for _, stage := range stages {
		page.Stages = append(page.Stages, stageView{stage, momentOf(stage.Since, page.now)})
	}
	page.Others, page.Backends = otherConditions(deploy), backendsOf(deploy)
	page.HoldUp, page.Shortage = stopped, h.shortage(r, user, deploy, stopped)
	if page.Objects, err = h.deletedObjects(r, user); err != nil && !kube.Unreachable(err) {
		return nil, nil, err
	}
	if page.NoEdit, err = h.lacks(r, user, putOperation, deploy.Namespace, deploy.Name); err != nil {
		return nil, nil, err
	}
	if page.Update, err = h.updateOf(r, user, deploy); err != nil {
		return nil, nil, err
	}
	page.Actions, err = h.actions(r, user)
	return page, answer, err
}

// pathOfTab returns the path of the tab that is shown.
func (p *deploymentPage) pathOfTab() string {
	if p.Tab == tabs()[0] {
		return p.Path
	}
	return p.Path + "/" + p.Tab
}

// Pattern matches the name in a form.
func (p *deploymentPage) Pattern() string { return regexp.QuoteMeta(p.Name) }

// Open reports whether the manifests are shown unfolded: the first screen has room for few.
func (p *deploymentPage) Open() bool { return len(p.Manifests) == 1 }

func replicasOf(deploy *v1.NpuDeploy) int32 {
	if server := deploy.Spec.InferenceServer; server != nil && server.Replicas != nil {
		return *server.Replicas
	}
	return max(1, deploy.Status.Replicas)
}
