package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
)

// pageSize is the number of rows of a page.
const pageSize = 100

// filterParameters describes what filtersOf reads.
func filterParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "q", Doc: "part of a name or a model", AllowEmpty: true},
		{Name: "project", Doc: "only this project", AllowEmpty: true},
		{Name: "state", Doc: "only this state", AllowEmpty: true},
		{Name: "accelerator", Doc: "only this type of accelerator", AllowEmpty: true},
		{Name: "templates", Doc: "only this set of templates: its digest", AllowEmpty: true},
	}
}

func (h *Handlers) deploymentsRoute() rest.Route {
	return h.newPage("showDeployments", "/", "Page: the deployments that the caller may list", "", h.deployments, append(filterParameters(),
		openapi.Parameter{Name: "sort", Doc: "as of the list of NpuDeploys", Schema: openapi.Enum(npudeploys.Orders()...)},
		openapi.Parameter{Name: "page", Doc: "number of the page", Schema: openapi.Integer(1, 0)})...)
}

// filters are what the query selects.
type filters struct{ Query, Project, State, Accelerator, Templates, Sort string }

func filtersOf(query url.Values) (filters, error) {
	f := filters{
		query.Get("q"), query.Get("project"), query.Get("state"), query.Get("accelerator"), query.Get("templates"),
		cmp.Or(query.Get("sort"), npudeploys.SortKeys()[0]),
	}
	if f.State != "" && !slices.Contains(status.States(), state(f.State)) {
		return f, problem.New(http.StatusBadRequest, "there is no state of this name")
	}
	if !slices.Contains(npudeploys.Orders(), f.Sort) {
		return f, problem.New(http.StatusBadRequest, "sort must be one of "+strings.Join(npudeploys.SortKeys(), ", ")+", with or without a minus before it")
	}
	return f, nil
}

// selection returns the selection of REST that the filters mean.
func (f filters) selection() npudeploys.Selection {
	s := npudeploys.Selection{Search: f.Query, Accelerator: f.Accelerator, Templates: f.Templates}
	if f.Project != "" {
		s.Fields = npudeploys.InNamespace(f.Project)
	}
	if f.State != "" {
		s.States = []status.State{state(f.State)}
	}
	return s
}

// stateCount is the number of deployments in a state, and the list of them.
type stateCount struct {
	State    state
	Count    int
	URL      string
	Selected bool
}

// column is the head of a column by which the list can be sorted.
type column struct {
	Word, URL string
	Order     string // ascending or descending, as in aria-sort; empty if the list has another order
}

// deploymentsPage is the model of pages/deployments.html.
type deploymentsPage struct {
	Filters                filters
	Rows                   []row
	Counts                 []stateCount
	All                    int               // sum of the counts
	Columns                map[string]column // by key of the order
	Projects, Accelerators []string
	TemplateSets           []option
	Actions                []string
	Total                  int // of the matching deployments
	First, Last            int // of the rows, from 1
	NextURL, FirstURL      string
	AllURL                 string
	Filtered               bool
	Incomplete             bool
	NewURLs                []link           // of the projects in which the user may create one
	NoNew                  *problem.Missing // permission to create one, if there is none
	Live                   string           // URL of the page's stream
}

func (h *Handlers) deployments(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	f, err := filtersOf(r.URL.Query())
	if err != nil {
		return err
	}
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	query := npudeploys.ListQuery{Selection: f.selection(), Sort: f.Sort, Page: rest.Page{Limit: pageSize}, Skip: (number - 1) * pageSize}
	listing, err := npudeploys.List(r.Context(), h.Cluster, user, query)
	if last := lastPage(listing.Summary.Total, pageSize); err == nil && number > last {
		number, query.Skip = last, (last-1)*pageSize
		listing, err = npudeploys.List(r.Context(), h.Cluster, user, query)
	}
	if err != nil {
		return err
	}
	now := h.Clock()
	page := newDeploymentsPage(r, f, number, &listing)
	for _, deploy := range listing.Deploys {
		shown := newListRow(deploy, now)
		shown.Language = languageOf(r)
		page.Rows = append(page.Rows, shown)
	}
	if page.NewURLs, page.NoNew, err = h.newURLs(r, user, page.Projects); err != nil {
		return err
	}
	view := frame{Section: "deployments", Page: page}
	since := h.Cluster.UnreachableSince(live.NpuDeploys)
	if !since.IsZero() {
		view.Age = duration.HumanDuration(now.Sub(since))
	}
	rest.SetStale(w, since, now)
	rest.SetIncomplete(w, listing.Incomplete)
	return h.views.write(w, r, "deployments.html", view)
}

// newURLs returns the page for a new deployment in each project in which the user may create one, or the
// permission that is missing if there is none.
func (h *Handlers) newURLs(r *http.Request, user *kube.UserClient, projects []string) (urls []link, lack *problem.Missing, err error) {
	mine, err := h.myProjects(r, user)
	if err != nil {
		return nil, nil, err
	}
	names := slices.Clone(projects)
	for _, project := range mine {
		names = append(names, project.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	lacks, isReviewed := make([]*problem.Missing, len(names)), make([]bool, len(names))
	_, err = rest.ForEachReachable(r.Context(), len(names), func(ctx context.Context, i int) error {
		var err error
		lacks[i], err = missing(ctx, user, h.route(createOperation).Needs, names[i], "")
		isReviewed[i] = err == nil
		return err
	})
	if err != nil && !kube.Unreachable(err) {
		return nil, nil, err
	}
	for i, name := range names {
		if isReviewed[i] && lacks[i] == nil {
			urls = append(urls, link{Name: name, URL: languageOf(r).url("/new/" + name)})
		}
		lack = cmp.Or(lack, lacks[i])
	}
	if len(urls) > 0 {
		lack = nil
	}
	return urls, lack, nil
}

// newDeploymentsPage returns the page without rows.
func newDeploymentsPage(r *http.Request, f filters, number int, listing *npudeploys.Listing) deploymentsPage {
	query := r.URL.Query()
	query.Del("page")
	query.Del("sort")
	projects, accelerators, templates := listing.Values()
	p := deploymentsPage{
		Filters: f, AllURL: urlOf(r, "state", ""), Filtered: f.Query+f.Project+f.State+f.Accelerator+f.Templates != "",
		Projects: projects, Accelerators: accelerators, Actions: actionNames(), Incomplete: listing.Incomplete,
		Total: listing.Summary.Total, First: listing.Skipped + 1, Last: listing.Skipped + len(listing.Deploys),
		Live: liveURL(listing.Observed, query), Columns: map[string]column{},
	}
	for _, digest := range templates {
		p.TemplateSets = append(p.TemplateSets, option{digest, shortDigest(digest)})
	}
	for _, state := range status.States() {
		p.All += listing.Summary.ByState[state]
		p.Counts = append(p.Counts, stateCount{state, listing.Summary.ByState[state], urlOf(r, "state", string(state)), f.State == string(state)})
	}
	for _, key := range npudeploys.SortKeys() {
		p.Columns[key] = newColumn(r, key, f.Sort)
	}
	if listing.Continue != "" {
		p.NextURL = urlWith(r, "page", strconv.Itoa(number+1))
	}
	if number > 1 {
		p.FirstURL = urlWith(r, "page", "")
	}
	return p
}

// newColumn returns the column of a key. Its link sorts by it, and the next one in reverse. An age
// is ascending from the newest.
func newColumn(r *http.Request, key, sort string) column {
	ascending, descending := key, "-"+key
	word := map[string]string{"namespace": "project", "accelerator": "devicesEach", "created": "age"}[key]
	if key == "created" {
		ascending, descending = descending, ascending
	}
	c := column{Word: cmp.Or(word, key), URL: urlOf(r, "sort", ascending)}
	switch sort {
	case ascending:
		c.Order, c.URL = "ascending", urlOf(r, "sort", descending)
	case descending:
		c.Order = "descending"
	}
	return c
}

// urlOf is urlWith for a filter: the list starts at its first page.
func urlOf(r *http.Request, name, value string) string {
	first := r.Clone(r.Context())
	query := first.URL.Query()
	query.Del("page")
	first.URL.RawQuery = query.Encode()
	return urlWith(first, name, value)
}
