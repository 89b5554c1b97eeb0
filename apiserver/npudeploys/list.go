package npudeploys

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
)

// ListQuery is which NpuDeploys a client lists, and in which order.
type ListQuery struct {
	Selection

	Sort    string // one of SortKeys, after "-" in descending order; empty: the first of them
	Page    rest.Page
	Skip    int    // number of matching NpuDeploys before the page, instead of Page.After
	Version string // wait until this version has been observed; empty: do not wait
}

// Listing is a page of NpuDeploys.
type Listing struct {
	Deploys    []*live.Deploy
	Skipped    int    // number of matching NpuDeploys on the pages before
	Continue   string // continues the list; empty on the last page
	Version    string // begins a watch; empty unless the user may list in all namespaces
	Observed   string // resourceVersion of the cache that was read
	Summary    Summary
	Incomplete bool           // some namespaces could not be reviewed
	visible    []*live.Deploy // all that the user may list
}

// Values returns the namespaces, accelerators and templates that occur in the NpuDeploys that the
// user may list.
func (l *Listing) Values() (namespaces, accelerators, templates []string) {
	accelerator, digest := map[string]bool{}, map[string]bool{}
	for _, deploy := range l.visible {
		accelerator[AcceleratorOf(deploy.NpuDeploy)], digest[deploy.Status.Templates] = true, true
	}
	return slices.Collect(NamespacesOf(l.visible)), valuesOf(accelerator), valuesOf(digest)
}

// Summary counts all NpuDeploys that match, on all pages.
type Summary struct {
	Total   int                  `json:"total" doc:"number of NpuDeploys that match"`
	ByState map[status.State]int `json:"byState" doc:"number of NpuDeploys that match, apart from the parameter state, in each state"`
}

// SortKeys returns what lists can be sorted by; the first is the default. Equal NpuDeploys are
// sorted by namespace and name. A descending order is the reverse of the ascending one.
func SortKeys() []string {
	return []string{"namespace", "name", "model", "accelerator", "state", "created"}
}

// Orders returns all values of ListQuery.Sort.
func Orders() []string {
	orders := make([]string, 0, 2*len(SortKeys()))
	for _, key := range SortKeys() {
		orders = append(orders, key, "-"+key)
	}
	return orders
}

// listParameters describes the parameters that ReadListQuery reads.
func listParameters() []openapi.Parameter {
	return slices.Concat(selectionParameters(), rest.PageParameters(), []openapi.Parameter{
		{Name: "sort", Doc: "what to sort by; with a minus in descending order", Schema: openapi.Enum(Orders()...)},
		rest.ResourceVersionParameter("that of an object or a list: wait for what is not older"),
	})
}

// ReadListQuery reads the namespace of the path and the query.
func ReadListQuery(r *http.Request) (ListQuery, error) {
	q := ListQuery{Sort: r.URL.Query().Get("sort")}
	if !slices.Contains(SortKeys(), strings.TrimPrefix(cmp.Or(q.Sort, SortKeys()[0]), "-")) {
		return ListQuery{}, problem.New(http.StatusBadRequest, "sort must be one of "+strings.Join(SortKeys(), ", ")+", with or without a minus before it")
	}
	var err error
	if q.Selection, err = readSelection(r); err != nil {
		return ListQuery{}, err
	}
	if q.Page, err = rest.PageOf(r); err != nil {
		return ListQuery{}, err
	}
	if after := q.Page.After; !after.IsZero() && after.Sort != q.Sort {
		return ListQuery{}, problem.New(http.StatusBadRequest, "continue is that of a list with another sort")
	}
	q.Version, err = rest.ResourceVersion(r)
	return q, err
}

// List returns the NpuDeploys that the user may list, as the server observed them last. They
// must not be modified.
func List(ctx context.Context, cluster *live.Cache, user *kube.UserClient, q ListQuery) (Listing, error) {
	access, err := rest.ReviewPartialAccess(ctx, user, Need("list"), q.Namespace)
	if err != nil {
		return Listing{}, err
	}
	state, err := State(ctx, cluster, q.Version)
	if err != nil {
		return Listing{}, err
	}
	deploys, err := filter(ctx, access, state.ListAfter(q.Namespace, live.Key{}))
	if err != nil {
		return Listing{}, err
	}
	listing := q.list(deploys)
	listing.Observed, listing.Incomplete = state.Version, access.Incomplete()
	if access.Unrestricted() {
		listing.Version = state.Version
	}
	return listing, nil
}

// list selects, counts, sorts and pages deploys, which are in the order of their keys.
func (q ListQuery) list(deploys []*live.Deploy) Listing {
	listing := Listing{Summary: Summary{ByState: map[status.State]int{}}, visible: deploys}
	for _, state := range status.States() {
		listing.Summary.ByState[state] = 0
	}
	selected := make([]*live.Deploy, 0, len(deploys))
	all := q.isUnrestricted()
	for _, deploy := range deploys {
		if !all && !q.MatchesButState(deploy) {
			continue
		}
		listing.Summary.ByState[deploy.State]++
		if q.MatchesState(deploy) {
			selected = append(selected, deploy)
		}
	}
	listing.Summary.Total = len(selected)
	order := newOrder(q.Sort)
	order.sort(selected)
	listing.Skipped = min(q.Skip, len(selected))
	if after := q.Page.After; !after.IsZero() {
		listing.Skipped = sort.Search(len(selected), func(i int) bool { return order.compare(order.position(selected[i]), after) > 0 })
	}
	selected = selected[listing.Skipped:]
	if limit := cmp.Or(q.Page.Limit, rest.MaxPage); len(selected) > limit {
		selected = selected[:limit]
		listing.Continue = rest.Continue(order.position(selected[len(selected)-1]))
	}
	listing.Deploys = selected
	return listing
}

// valuesOf returns the values of a set, sorted, without the empty one.
func valuesOf(set map[string]bool) []string {
	delete(set, "")
	return slices.Sorted(maps.Keys(set))
}

// order is a total order of NpuDeploys. Objects whose position changes between two pages may
// be on both or on neither.
type order struct {
	name       string // of the parameter; empty is the default
	key        string // of SortKeys
	descending bool
}

func newOrder(name string) order {
	key, descending := strings.CutPrefix(cmp.Or(name, SortKeys()[0]), "-")
	return order{name, key, descending}
}

func (o order) position(deploy *live.Deploy) rest.Position {
	position := rest.Position{Namespace: deploy.Namespace, Name: deploy.Name, Sort: o.name}
	switch o.key {
	case "name":
		position.Value = deploy.Name
	case "model":
		position.Value = deploy.Spec.Model
	case "accelerator":
		position.Value = AcceleratorOf(deploy.NpuDeploy)
	case "state":
		position.Value = strconv.Itoa(slices.Index(status.States(), deploy.State)) // one digit
	case "created":
		position.Value = deploy.CreationTimestamp.UTC().Format(time.RFC3339)
	}
	return position
}

func (o order) compare(a, b rest.Position) int {
	result := cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	if o.descending {
		return -result
	}
	return result
}

// sort sorts deploys, which are in the order of their keys.
func (o order) sort(deploys []*live.Deploy) {
	if o.key == SortKeys()[0] {
		if o.descending {
			slices.Reverse(deploys)
		}
		return
	}
	positions := make(map[*live.Deploy]rest.Position, len(deploys))
	for _, deploy := range deploys {
		positions[deploy] = o.position(deploy)
	}
	slices.SortFunc(deploys, func(a, b *live.Deploy) int { return o.compare(positions[a], positions[b]) })
}

// list responds with the observed NpuDeploys that the user may list.
func (h *Handlers) list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	query, err := ReadListQuery(r)
	if err != nil {
		return err
	}
	listing, err := List(r.Context(), h.Cluster, user, query)
	if err != nil {
		return err
	}
	rest.SetStale(w, h.Cluster.UnreachableSince(live.NpuDeploys), h.Clock())
	rest.SetIncomplete(w, listing.Incomplete)
	body, err := h.bodies.of(&listing)
	if err != nil {
		return err
	}
	if rest.NotModified(w, r, body.tag) {
		return nil
	}
	if len(body.text) > longList {
		endTurn, err := h.turns.take(r.Context())
		if err != nil {
			return err
		}
		defer endTurn()
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body.text)))
	return rest.WriteEncoded(w, http.StatusOK, body.text)
}
