package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// pageSize is the number of rows of a page.
const pageSize = 100

// sortKeys are the columns that the list can be sorted by; the first is the default.
func sortKeys() []string { return []string{"project", "name", "model", "state", "age"} }

func (h *Handlers) deploymentsRoute() rest.Route {
	return h.newPage("showDeployments", "/", "Page: the deployments that I may list", "", h.deployments,
		openapi.Parameter{Name: "q", Doc: "part of a name or a model", AllowEmpty: true},
		openapi.Parameter{Name: "project", Doc: "only this project", AllowEmpty: true},
		openapi.Parameter{Name: "state", Doc: "only this state", AllowEmpty: true},
		openapi.Parameter{Name: "accelerator", Doc: "only this type of accelerator", AllowEmpty: true},
		openapi.Parameter{Name: "sort", Doc: "column to sort by", Schema: openapi.Enum(sortKeys()...)},
		openapi.Parameter{Name: "page", Doc: "number of the page", Schema: openapi.Integer(1, 0)},
	)
}

// row is a deployment of the list.
type row struct {
	Name, Project, Model, Reason string
	State                        state
	Ready                        string // ready/desired
	Accelerator, Devices         string
	Templates, TemplatesShort    string
	Age, Created                 string
	URL                          string
	Language                     language // of the page that the row links to
	created                      time.Time
}

// ID identifies the row in its page.
func (r row) ID() string { return "deployment-" + r.Project + "-" + r.Name }

// filters are what the query selects.
type filters struct{ Query, Project, State, Accelerator, Sort string }

func filtersOf(query url.Values) filters {
	return filters{query.Get("q"), query.Get("project"), query.Get("state"), query.Get("accelerator"), cmp.Or(query.Get("sort"), sortKeys()[0])}
}

// stateCount is the number of deployments in a state, and the list of them.
type stateCount struct {
	State    state
	Count    int
	URL      string
	Selected bool
}

// deploymentsPage is the model of pages/deployments.html.
type deploymentsPage struct {
	Filters                filters
	Rows                   []row
	Counts                 []stateCount
	Projects, Accelerators []string
	SortKeys               []string
	Total                  int // of the matching deployments
	First, Last            int // of the rows, from 1
	NextURL, FirstURL      string
	AllURL, ResetURL       string
	Filtered               bool
	NewURLs                []link // of the projects in which the user may create one
	Live                   string // URL of the page's stream
}

func (h *Handlers) deployments(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	query := r.URL.Query()
	f := filtersOf(query)
	if !slices.Contains(sortKeys(), f.Sort) {
		return problem.New(http.StatusBadRequest, "sort must be one of "+strings.Join(sortKeys(), ", "))
	}
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	snapshot, err := npudeploys.State(r.Context(), h.Cluster, "")
	if err != nil {
		return err
	}
	deploys, err := npudeploys.Visible(r.Context(), h.Cluster, user)
	if err != nil {
		return err
	}
	now := h.Clock()
	rows := make([]row, len(deploys))
	for i := range deploys {
		rows[i] = newRow(&deploys[i], now)
		rows[i].Language = languageOf(r)
	}
	since := h.Cluster.UnreachableSince(live.NpuDeploys)
	rest.SetStale(w, since, now)
	page := newDeploymentsPage(r, f, number, rows)
	query.Del("page")
	query.Del("sort")
	page.Live = liveURL(snapshot.Version, query)
	if page.NewURLs, err = h.newURLs(r, user, page.Projects); err != nil {
		return err
	}
	view := frame{Section: "deployments", Page: page}
	if !since.IsZero() {
		view.Age = duration.HumanDuration(now.Sub(since))
	}
	return h.views.write(w, r, "deployments.html", view)
}

// newURLs returns the page for a new deployment in each project in which the user may create
// one.
func (h *Handlers) newURLs(r *http.Request, user *kube.UserClient, projects []string) ([]link, error) {
	var mine struct {
		Projects []struct {
			Name string `json:"name"`
		} `json:"projects"`
	}
	if _, err := h.read(r, user, "readMe", input{}, &mine); err != nil {
		return nil, err
	}
	names := slices.Clone(projects)
	for _, project := range mine.Projects {
		names = append(names, project.Name)
	}
	slices.Sort(names)
	var urls []link
	for _, name := range slices.Compact(names) {
		lacks, err := missing(r.Context(), user, h.route(createOperation).Needs, name, "")
		if err != nil && !kube.Unreachable(err) {
			return nil, err
		}
		if err == nil && lacks == nil {
			urls = append(urls, link{Name: name, URL: "/new/" + name + "?" + url.Values{languageParameter: {string(languageOf(r))}}.Encode()})
		}
	}
	return urls, nil
}

func newRow(deploy *v1.NpuDeploy, now time.Time) row {
	result := row{
		Name: deploy.Name, Project: deploy.Namespace, Model: deploy.Spec.Model, URL: webURL(deploy.Status.URL),
		Ready: deploy.Status.ReplicaSummary, Templates: deploy.Status.Templates,
		Age:     duration.HumanDuration(now.Sub(deploy.CreationTimestamp.Time)),
		Created: deploy.CreationTimestamp.UTC().Format(time.RFC3339), created: deploy.CreationTimestamp.Time,
	}
	result.State, result.Reason = status.StateOf(deploy)
	result.TemplatesShort = result.Templates[strings.LastIndexByte(result.Templates, ':')+1:]
	result.TemplatesShort = result.TemplatesShort[:min(len(result.TemplatesShort), 8)]
	if accelerator := deploy.Status.Accelerator; accelerator != nil {
		result.Accelerator = accelerator.Type
		result.Devices = strconv.Itoa(int(accelerator.Count)) + " " + accelerator.Type
	}
	return result
}

// webURL returns the URL if it is http or https, and nothing otherwise.
func webURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return ""
	}
	return text
}

// matches reports whether the row is selected, apart from its state.
func (f filters) matches(r row) bool {
	text := strings.ToLower(f.Query)
	return (f.Project == "" || f.Project == r.Project) && (f.Accelerator == "" || f.Accelerator == r.Accelerator) &&
		(strings.Contains(strings.ToLower(r.Name), text) || strings.Contains(strings.ToLower(r.Model), text))
}

// newDeploymentsPage selects, counts, sorts and pages the rows. The counts are those without
// the filter by state.
func newDeploymentsPage(r *http.Request, f filters, number int, rows []row) deploymentsPage {
	p := deploymentsPage{
		Filters: f, SortKeys: sortKeys(), AllURL: urlOf(r, "state", ""), Filtered: f.Query+f.Project+f.State+f.Accelerator != "",
		ResetURL: "/",
	}
	counts, projects, accelerators := map[state]int{}, map[string]bool{}, map[string]bool{}
	var selected []row
	for _, row := range rows {
		projects[row.Project] = true
		if row.Accelerator != "" {
			accelerators[row.Accelerator] = true
		}
		if !f.matches(row) {
			continue
		}
		counts[row.State]++
		if f.State == "" || f.State == string(row.State) {
			selected = append(selected, row)
		}
	}
	p.Projects, p.Accelerators = slices.Sorted(maps.Keys(projects)), slices.Sorted(maps.Keys(accelerators))
	for _, state := range status.States() {
		p.Counts = append(p.Counts, stateCount{state, counts[state], urlOf(r, "state", string(state)), f.State == string(state)})
	}
	slices.SortStableFunc(selected, func(a, b row) int { return compare(f.Sort, a, b) })
	p.Total = len(selected)
	start := min((number-1)*pageSize, len(selected))
	end := min(start+pageSize, len(selected))
	p.Rows, p.First, p.Last = selected[start:end], start+1, end
	if end < len(selected) {
		p.NextURL = urlWith(r, "page", strconv.Itoa(number+1))
	}
	if number > 1 {
		p.FirstURL = urlWith(r, "page", "")
	}
	return p
}

// urlOf is urlWith for a filter: the list starts at its first page.
func urlOf(r *http.Request, name, value string) string {
	first := r.Clone(r.Context())
	query := first.URL.Query()
	query.Del("page")
	first.URL.RawQuery = query.Encode()
	return urlWith(first, name, value)
}

// compare orders rows that are sorted by project and name by another column.
func compare(key string, a, b row) int {
	switch key {
	case "name":
		return cmp.Compare(a.Name, b.Name)
	case "model":
		return cmp.Compare(a.Model, b.Model)
	case "state":
		return cmp.Compare(slices.Index(status.States(), a.State), slices.Index(status.States(), b.State))
	case "age":
		return b.created.Compare(a.created)
	}
	return 0
}
