package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
)

// logView is what the tab of logs shows.
type logView struct {
	Pods, Containers []string
	Pod, Container   string
	Previous         bool
	Text             string
	DownloadURL      string
	StreamURL        string
}

// How many lines of a log a page shows, and how many can be downloaded.
const (
	logTail      = 500
	downloadTail = 100_000
)

// addLog reads the end of a log. The pods for the choice are missing if they cannot be listed.
func addLog(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error {
	query := r.URL.Query()
	view := &logView{Pod: query.Get("pod"), Container: query.Get("container"), Previous: query.Get("previous") == "true"}
	page.Log = view
	for _, p := range page.listed.Pods {
		view.Pods = append(view.Pods, p.Name)
	}
	chosen := url.Values{}
	for _, name := range []string{"pod", "container", "previous"} {
		if value := query.Get(name); value != "" {
			chosen.Set(name, value)
		}
	}
	path := rest.Prefix + "/namespaces/" + page.Project + "/npudeploys/" + page.Name + "/logs?"
	chosen.Set("tail", strconv.Itoa(downloadTail))
	view.DownloadURL = path + chosen.Encode()
	chosen.Set("tail", strconv.Itoa(logTail))
	if !view.Previous {
		view.StreamURL = path + chosen.Encode() + "&follow=true"
	}
	answer, err := h.call(r, user, logOperation, input{query: chosen})
	if err != nil {
		return err
	}
	view.Pod = cmp.Or(view.Pod, answer.header.Get("NuFi-Pod"))
	view.Container = cmp.Or(view.Container, answer.header.Get("NuFi-Container"))
	for _, p := range page.listed.Pods {
		if p.Name == view.Pod {
			for _, c := range p.Containers {
				view.Containers = append(view.Containers, c.Name)
			}
		}
	}
	view.Text = plainText(answer.body.String())
	return nil
}

// terminalCode is a sequence of ECMA-48: CSI, OSC or two characters.
var terminalCode = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)`)

// plainText removes terminal codes, control characters other than line breaks and tabs, and
// invisible formatting characters, which reorder what is read.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf) {
			return -1
		}
		return r
	}, terminalCode.ReplaceAllString(text, ""))
}
