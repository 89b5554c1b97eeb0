package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	templatesPath      = "/templates"
	templatesOperation = "readTemplates"
	rolloutsOperation  = "listTemplateRollouts"
)

// requestOperation returns the operation of REST for a request of a rollout.
func requestOperation(request rollout.Request) string { return string(request) + "TemplateRollout" }

func (h *Handlers) templatesRoutes() []rest.Route {
	requests := make([]string, len(rollout.Requests()))
	for i, request := range rollout.Requests() {
		requests[i] = string(request)
	}
	done := openapi.Parameter{Name: "done", Doc: "the request that was sent", Schema: openapi.Enum(requests...)}
	routes := append(make([]rest.Route, 0, 2+len(requests)),
		h.withLive(templatesPageName, h.newPage("showTemplates", templatesPath, "Page: which templates serve, and their rollouts", templatesOperation, h.showTemplates, done)),
		h.checkRoute())
	for _, request := range rollout.Requests() {
		routes = append(routes, h.newForm("submit"+requestOperation(request), templatesPath+"/rollouts/{name}/"+string(request),
			"Form: "+string(request)+" a rollout of templates", requestOperation(request), h.submitRequest(request)))
	}
	return routes
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
	Rollouts                    []rolloutView
	RolloutsError               *problem.Error
	Requests                    []rolloutAction // of the newest rollout
	Done                        string
	Problem                     *problem.Error
	Check                       *checkView
}

// rolloutView is a rollout of templates.
type rolloutView struct {
	v1.TemplateRollout

	State, Message string // the key of the state in words is below "rollout."
	Mood           state  // which color and icon it has
	Age            moment
	Possible       map[rollout.Request]bool
}

// rolloutAction is a request that an operator can send, and the permission that the user lacks for it.
type rolloutAction struct {
	Name    rollout.Request
	Missing *problem.Missing
}

// rolloutStates are the states of a rollout, and which state of a deployment has the same color.
func rolloutStates() map[string]state {
	return map[string]state{
		v1.ConditionComplete: status.StateReady, v1.ConditionHalted: status.StateError, v1.ReasonNotObserved: status.StatePending,
		v1.ReasonUpdating: status.StateStarting, v1.ReasonReverting: status.StateDegraded, v1.ReasonWaitingForWindow: status.StatePending,
		v1.ReasonWaitingForDevices: status.StatePending, v1.ReasonPaused: status.StateDegraded,
		v1.ReasonSuperseded: status.StateScaledDown, v1.ReasonIgnored: status.StateScaledDown,
	}
}

func newRolloutView(r *v1.TemplateRollout, now time.Time) rolloutView {
	view := rolloutView{
		TemplateRollout: *r, State: rollout.StateOf(r), Message: rollout.MessageOf(r), Age: momentOf(r.CreationTimestamp.Time, now),
		Possible: map[rollout.Request]bool{},
	}
	view.Mood = rolloutStates()[view.State]
	for _, request := range rollout.Requests() {
		_, err := request.Patch(r)
		isChange := request != rollout.Pause && request != rollout.Resume || (request == rollout.Resume) == r.Spec.Paused
		view.Possible[request] = !errors.Is(err, rollout.ErrNotApplicable) && isChange
	}
	return view
}

// Short returns the start of the digest.
func (r *rolloutView) Short() string { return shortDigest(r.Spec.Templates) }

// Short returns the start of a digest.
func (*templatesPage) Short(digest string) string { return shortDigest(digest) }

// Current reports whether a wave is the current one.
func (r *rolloutView) Current(wave int) bool { return int(r.Status.Wave) == wave }

func (h *Handlers) showTemplates(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page, answer, err := h.templates(r, user)
	if err != nil {
		return err
	}
	if done := r.URL.Query().Get("done"); slices.Contains(rollout.Requests(), rollout.Request(done)) {
		page.Done = done
	}
	return h.writeTemplates(w, r, page, answer)
}

// templates reads which templates serve, and the rollouts.
func (h *Handlers) templates(r *http.Request, user *kube.UserClient) (*templatesPage, *response, error) {
	page, now := &templatesPage{}, h.Clock()
	answer, err := h.read(r, user, templatesOperation, input{}, page)
	if err != nil {
		return nil, nil, err
	}
	page.ServingSince = momentOf(page.Since, now)
	if page.Rejected != nil {
		page.RejectedSince = momentOf(page.Rejected.Since, now)
	}
	for _, set := range page.Rollout {
		page.Total += set.NpuDeploys
	}
	list := v1.TemplateRolloutList{}
	if _, err := h.read(r, user, rolloutsOperation, input{}, &list); err != nil {
		page.RolloutsError = h.problem(r, user, h.route(rolloutsOperation).Needs, err)
	}
	for i := range list.Items {
		page.Rollouts = append(page.Rollouts, newRolloutView(&list.Items[i], now))
	}
	if len(list.Items) == 0 {
		return page, answer, nil
	}
	for _, request := range rollout.Requests() {
		lack, err := h.lacks(r, user, requestOperation(request), "", list.Items[0].Name)
		if err != nil {
			return nil, nil, err
		}
		page.Requests = append(page.Requests, rolloutAction{request, lack})
	}
	return page, answer, nil
}

func (h *Handlers) writeTemplates(w http.ResponseWriter, r *http.Request, page *templatesPage, answer *response) error {
	view := frame{Section: "templates", Path: templatesPath, Page: page}
	if page.Problem != nil {
		view.Status = page.Problem.Status
	}
	return h.writeFrame(w, r, "templates.html", view, answer)
}

// submitRequest returns the handler of a form that sends a request to a rollout.
func (h *Handlers) submitRequest(request rollout.Request) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		if _, err := h.call(r, user, requestOperation(request), input{}); err != nil {
			return h.failTemplates(w, r, user, requestOperation(request), err)
		}
		redirect(w, r, templatesPath, "done", string(request))
		return nil
	}
}

// failTemplates shows the page with the error of a form.
func (h *Handlers) failTemplates(w http.ResponseWriter, r *http.Request, user *kube.UserClient, operation string, failure error) error {
	if !acceptsHTML(r) {
		return failure
	}
	page, answer, err := h.templates(r, user)
	if err != nil {
		return failure
	}
	page.Problem = h.problem(r, user, h.route(operation).Needs, failure)
	return h.writeTemplates(w, r, page, answer)
}
