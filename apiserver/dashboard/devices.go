package dashboard

import (
	"net/http"
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

// hotCelsius is the temperature above which a device is hot, as in the alert NufiDeviceHot.
const hotCelsius = 90

func isHot(celsius float64) bool { return celsius > hotCelsius }

// nodeFilters returns the values of the parameter show, with their keys in words.
func nodeFilters() []string { return []string{"free", "unhealthy", "hot"} }

func (h *Handlers) devicesRoute() rest.Route {
	return h.newPage("showDevices", "/devices", "Page: accelerators by node", devicesOperation, h.devices,
		openapi.Parameter{Name: "q", Doc: "part of the name of a node, a project or a deployment", AllowEmpty: true},
		openapi.Parameter{Name: "type", Doc: "only this type of accelerator", AllowEmpty: true},
		openapi.Parameter{Name: "show", Doc: "only nodes with free, unhealthy or hot devices", AllowEmpty: true, Schema: openapi.Enum(nodeFilters()...)},
		openapi.Parameter{Name: "page", Doc: "number of the page", Schema: openapi.Integer(1, 0)})
}

// devicesPage is the model of pages/devices.html.
type devicesPage struct {
	Query, Type, Show string
	Types             []typeView // those of which the cluster has devices, or pods wait for
	Counts            []nodeCount
	Nodes             []nodeView
	Total             int // of the matching nodes
	First, Last       int // of the nodes, from 1
	NextURL, FirstURL string
	Unread            []devices.Vendor // whose metrics cannot be read, or may be incomplete
}

// typeCount is devices.Type by another name, as it has a field of that name.
type typeCount = devices.Type

// typeView is a type of accelerator, and the node with the most free devices of it.
type typeView struct {
	typeCount

	LargestNode string // empty if there is none, or the user may not see its name
	URL         string // of that node
}

// nodeCount is the number of nodes with free, unhealthy or hot devices, and the list of them. An empty
// name is all nodes.
type nodeCount struct {
	Name     string
	Count    int
	URL      string
	Selected bool
}

// nodeView is a node of the board.
type nodeView struct {
	devices.Node

	Counts   []countView
	Problems []devices.Device // that are unhealthy or hot
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

// maxPage is beyond the last page of any list.
const maxPage = 1 << 20

// pageNumber reads the parameter page: at most maxPage.
func pageNumber(r *http.Request) (int, error) {
	text := r.URL.Query().Get("page")
	if text == "" {
		return 1, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		return 0, problem.New(http.StatusBadRequest, "page must be a positive number")
	}
	return min(number, maxPage), nil
}

// lastPage returns the number of the last page of a list, which is shown instead of a page beyond it.
func lastPage(total, size int) int { return max(1, (total+size-1)/size) }

func newDevicesPage(r *http.Request, view *devices.View, number int) devicesPage {
	query := r.URL.Query()
	page := devicesPage{Query: query.Get("q"), Type: query.Get("type"), Show: query.Get("show")}
	page.Unread = slices.DeleteFunc(view.Metrics.Vendors, func(vendor devices.Vendor) bool { return vendor.Problem == "" })
	for _, kind := range view.Types {
		if kind.Total > 0 || kind.Waiting > 0 {
			page.Types = append(page.Types, newTypeView(r, kind, view.Nodes))
		}
	}
	selected := page.selectNodes(r, view.Nodes)
	page.Total = len(selected)
	number = min(number, lastPage(len(selected), nodesPerPage))
	start := (number - 1) * nodesPerPage
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

// selectNodes returns the nodes that match, and sets the counts.
func (p *devicesPage) selectNodes(r *http.Request, nodes []devices.Node) []*devices.Node {
	var selected []*devices.Node
	counts := map[string]int{}
	for i := range nodes {
		node := &nodes[i]
		if !p.matches(node) {
			continue
		}
		counts[""]++
		isShown := p.Show == ""
		for _, name := range nodeFilters() {
			if has(node, name) {
				counts[name]++
				isShown = isShown || p.Show == name
			}
		}
		if isShown {
			selected = append(selected, node)
		}
	}
	for _, name := range append([]string{""}, nodeFilters()...) {
		p.Counts = append(p.Counts, nodeCount{name, counts[name], urlOf(r, "show", name), p.Show == name})
	}
	return selected
}

func newTypeView(r *http.Request, kind devices.Type, nodes []devices.Node) typeView {
	shown := typeView{typeCount: kind}
	for i := range nodes {
		for _, count := range nodes[i].Types {
			if shown.LargestNode == "" && count.Type == kind.Type && count.Free > 0 && count.Free == kind.LargestFree && nodes[i].Name != "" {
				shown.LargestNode = nodes[i].Name
				shown.URL = languageOf(r).url("/devices", "q", nodes[i].Name)
			}
		}
	}
	return shown
}

// has reports whether a node has devices of a filter.
func has(node *devices.Node, filter string) bool {
	switch filter {
	case "free":
		return slices.ContainsFunc(node.Types, func(count devices.NodeCount) bool { return count.Free > 0 })
	case "unhealthy":
		return !node.Ready || slices.ContainsFunc(node.Devices, isUnhealthy) ||
			slices.ContainsFunc(node.Types, func(count devices.NodeCount) bool { return count.Total > count.Allocatable })
	}
	return slices.ContainsFunc(node.Devices, hasHotSensor)
}

func isUnhealthy(device devices.Device) bool { return device.Health != nil && !device.Health.Healthy }

func hasHotSensor(device devices.Device) bool {
	for _, celsius := range device.Temperatures {
		if isHot(celsius) {
			return true
		}
	}
	return false
}

func (p *devicesPage) matches(node *devices.Node) bool {
	hasType := slices.ContainsFunc(node.Types, func(count devices.NodeCount) bool { return count.Type == p.Type })
	if p.Type != "" && !hasType {
		return false
	}
	text := strings.ToLower(p.Query)
	return strings.Contains(strings.ToLower(node.Name), text) || slices.ContainsFunc(node.Holders, func(holder devices.Holder) bool {
		return strings.Contains(strings.ToLower(holder.Pod.Namespace+"/"+holder.Pod.NpuDeploy+" "+holder.Pod.Name), text)
	})
}

func newNodeView(node *devices.Node) nodeView {
	view := nodeView{Node: *node}
	for _, device := range node.Devices {
		if isUnhealthy(device) || hasHotSensor(device) {
			view.Problems = append(view.Problems, device)
		}
	}
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
	return l.url(deploymentPathOf(holder.Pod.Namespace, holder.Pod.NpuDeploy))
}
