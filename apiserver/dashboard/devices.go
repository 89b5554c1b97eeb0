package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

const devicesOperation = "listDevices"

// nodesPerPage is the number of nodes of a page.
const nodesPerPage = 60

func (h *Handlers) devicesRoute() rest.Route {
	return h.newPage("showDevices", "/devices", "Page: accelerators by node", devicesOperation, h.devices,
		openapi.Parameter{Name: "q", Doc: "part of the name of a node, a project or a deployment", AllowEmpty: true},
		openapi.Parameter{Name: "type", Doc: "only this type of accelerator", AllowEmpty: true},
		openapi.Parameter{Name: "page", Doc: "number of the page", Schema: openapi.Integer(1, 0)})
}

// devicesPage is the model of pages/devices.html.
type devicesPage struct {
	Query, Type       string
	Types             []devices.Type // those of which the cluster has devices, or pods wait for
	Nodes             []nodeView
	Total             int // of the matching nodes
	First, Last       int // of the nodes, from 1
	NextURL, FirstURL string
	Metrics           devices.Metrics
}

// nodeView is a node of the board.
type nodeView struct {
	devices.Node

	Counts []countView
}

// countView is a type of accelerator on a node, with a cell for each device.
type countView struct {
	devices.NodeCount

	Unhealthy int64
	Cells     []string // Held, Free, Blocked (its node is not available) or Unhealthy
}

func (h *Handlers) devices(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	view := devices.View{}
	answer, err := h.read(r, user, devicesOperation, input{}, &view)
	if err != nil {
		return err
	}
	number, err := pageNumber(r)
	if err != nil {
		return err
	}
	return h.writeRead(w, r, "devices.html", "devices", answer, newDevicesPage(r, &view, number))
}

// pageNumber reads the parameter page.
func pageNumber(r *http.Request) (int, error) {
	text := r.URL.Query().Get("page")
	if text == "" {
		return 1, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		return 0, problem.New(http.StatusBadRequest, "page must be a positive number")
	}
	return number, nil
}

func newDevicesPage(r *http.Request, view *devices.View, number int) devicesPage {
	query := r.URL.Query()
	page := devicesPage{Query: query.Get("q"), Type: query.Get("type"), Metrics: view.Metrics}
	for _, kind := range view.Types {
		if kind.Total > 0 || kind.Waiting > 0 {
			page.Types = append(page.Types, kind)
		}
	}
	var selected []devices.Node
	for _, node := range view.Nodes {
		if page.matches(node) {
			selected = append(selected, node)
		}
	}
	page.Total = len(selected)
	start := min((number-1)*nodesPerPage, len(selected))
	end := min(start+nodesPerPage, len(selected))
	page.First, page.Last = start+1, end
	for _, node := range selected[start:end] {
		page.Nodes = append(page.Nodes, newNodeView(node))
	}
	if end < len(selected) {
		page.NextURL = urlWith(r, "page", strconv.Itoa(number+1))
	}
	if number > 1 {
		page.FirstURL = urlWith(r, "page", "")
	}
	return page
}

func (p *devicesPage) matches(node devices.Node) bool {
	hasType := slices.ContainsFunc(node.Types, func(count devices.NodeCount) bool { return count.Type == p.Type })
	if p.Type != "" && !hasType {
		return false
	}
	text := strings.ToLower(p.Query)
	return strings.Contains(strings.ToLower(node.Name), text) || slices.ContainsFunc(node.Holders, func(holder devices.Holder) bool {
		return strings.Contains(strings.ToLower(holder.Pod.Namespace+"/"+holder.Pod.NpuDeploy+" "+holder.Pod.Name), text)
	})
}

func newNodeView(node devices.Node) nodeView {
	view := nodeView{Node: node}
	for _, count := range node.Types {
		shown := countView{NodeCount: count, Unhealthy: max(0, count.Total-count.Allocatable)}
		for _, cell := range []struct {
			name  string
			count int64
		}{
			{"Held", count.Allocated},
			{"Free", count.Free},
			{"Blocked", count.Allocatable - count.Allocated - count.Free},
			{"Unhealthy", shown.Unhealthy},
		} {
			for range cell.count {
				shown.Cells = append(shown.Cells, cell.name)
			}
		}
		view.Counts = append(view.Counts, shown)
	}
	return view
}

// DeployURL returns the page of a holder's deployment, or nothing if it has none.
func (nodeView) DeployURL(holder devices.Holder, l language) string {
	if holder.Pod.NpuDeploy == "" {
		return ""
	}
	return "/deployments/" + holder.Pod.Namespace + "/" + holder.Pod.NpuDeploy + "?" + url.Values{languageParameter: {string(l)}}.Encode()
}
