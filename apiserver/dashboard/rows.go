package dashboard

import (
	"bytes"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// row is a deployment of the list.
type row struct {
	Name, Project, Model, Reason string
	State                        state
	Ready                        string // ready/desired
	Devices                      string // of a replica, such as "4 ATOM", or "2 × 4 ATOM" on two nodes
	Templates, TemplatesShort    string
	Age, Created                 string
	URL                          string
	Language                     language // of the page that the row links to
}

// Address is the URL as it is shown.
func (r row) Address() string { return strings.TrimPrefix(r.URL, "https://") }

// ID identifies the row in its page.
func (r row) ID() string { return "deployment-" + r.Project + "-" + r.Name }

func newRow(deploy *v1.NpuDeploy, now time.Time) row {
	state, reason := status.StateOf(deploy)
	return newListRow(&live.Deploy{NpuDeploy: deploy, StateSummary: live.StateSummary{State: state, Message: reason}}, now)
}

// newListRow is newRow for a deployment whose state has been evaluated.
func newListRow(deploy *live.Deploy, now time.Time) row {
	return row{
		Name: deploy.Name, Project: deploy.Namespace, Model: deploy.Spec.Model, URL: webURL(deploy.Status.URL),
		State: deploy.State, Reason: deploy.Message,
		Ready: deploy.Status.ReplicaSummary, Devices: devicesOf(deploy.NpuDeploy),
		Templates: deploy.Status.Templates, TemplatesShort: shortDigest(deploy.Status.Templates),
		Age:     duration.HumanDuration(now.Sub(deploy.CreationTimestamp.Time)),
		Created: deploy.CreationTimestamp.UTC().Format(time.RFC3339),
	}
}

// devicesOf returns the devices of a replica: those in use, or else those of the spec.
func devicesOf(deploy *v1.NpuDeploy) string {
	count, nodes := int32(0), int32(1)
	if used, given := deploy.Status.Accelerator, deploy.Spec.Accelerator; used != nil {
		count, nodes = used.Count, used.Nodes
	} else if given != nil && given.Count != nil {
		count, nodes = *given.Count, ptr.Deref(given.Nodes, 1)
	}
	name := strings.ToUpper(npudeploys.AcceleratorOf(deploy))
	if count == 0 || name == "" {
		return name
	}
	text := strconv.Itoa(int(count)) + " " + name
	if nodes > 1 {
		text = strconv.Itoa(int(nodes)) + " × " + text
	}
	return text
}

// shortDigest returns the part of a digest that lists show.
func shortDigest(digest string) string {
	digest = digest[strings.LastIndexByte(digest, ':')+1:]
	return digest[:min(len(digest), 8)]
}

// webURL returns the URL if it is http or https, and nothing otherwise.
func webURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return ""
	}
	return text
}

// maxCachedRows bounds the rows whose cells are cached, in about 2 kB each.
const maxCachedRows = 2000

// cellCache has the HTML of the cells of rows but the age, by the row without its age.
type cellCache struct {
	mu   sync.Mutex
	html map[row]template.HTML
}

// row renders a row of the list.
func (v *views) row(shown row) (string, error) {
	var text bytes.Buffer
	err := v.byLanguage[shown.Language].ExecuteTemplate(&text, "row", shown)
	return text.String(), err
}

// rowCells renders the cells of a row but its age, which changes more often than they do.
func (v *views) rowCells(shown row) (template.HTML, error) {
	shown.Age = ""
	v.cells.mu.Lock()
	cached, ok := v.cells.html[shown]
	v.cells.mu.Unlock()
	if ok {
		return cached, nil
	}
	var text bytes.Buffer
	if err := v.byLanguage[shown.Language].ExecuteTemplate(&text, "cells", shown); err != nil {
		return "", err
	}
	html := template.HTML(text.String()) //nolint:gosec // G203: the template has escaped it.
	v.cells.mu.Lock()
	defer v.cells.mu.Unlock()
	if len(v.cells.html) >= maxCachedRows || v.cells.html == nil {
		v.cells.html = map[row]template.HTML{}
	}
	v.cells.html[shown] = html
	return html, nil
}
