package dashboard_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

// serveLogs makes a server the kubelet of the node of a deployment's pod. test/e2e reads the logs of a real
// one.
func serveLogs(h *harness.Harness, name string, serve http.HandlerFunc) {
	h.Helper()
	kubelet := httptest.NewTLSServer(serve)
	h.Cleanup(kubelet.Close)
	_, port, err := net.SplitHostPort(kubelet.Listener.Addr().String())
	h.Must(err)
	number, err := strconv.ParseInt(port, 10, 32)
	h.Must(err)
	pods, node := &corev1.PodList{}, &corev1.Node{}
	h.Must(h.Client.List(h.Context(), pods, client.InNamespace("ml"), client.MatchingLabels{v1.LabelDeploy: name}))
	h.Must(h.Client.Get(h.Context(), client.ObjectKey{Name: pods.Items[0].Spec.NodeName}, node))
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	h.Must(h.Client.Status().Update(h.Context(), node))
}

func TestLogIsFollowedAgainAfterAnOutageOfTheServer(t *testing.T) {
	s := newServer(t)
	var follows atomic.Int32
	serveLogs(s.Harness, "qwen-7b", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") != "true" {
			return
		}
		_, _ = fmt.Fprintln(w, "follow", follows.Add(1))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var isDown atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isDown.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		s.API.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	tab := open(t, s, "ann", looks()[0])
	tab.do(chromedp.Navigate(front.URL + "/deployments/ml/qwen-7b/logs"))
	tab.await(`document.querySelector("#log").textContent === "follow 1\n"`)
	isDown.Store(true)
	front.CloseClientConnections()
	tab.await(`document.querySelector("#stale").textContent.includes("connects again by itself")`)
	isDown.Store(false)
	tab.await(`document.querySelector("#log").textContent === "follow 2\n" && document.querySelector("#stale").hidden`)
}

func TestLogOfAPodThatIsGoneIsNotFollowedAgain(t *testing.T) {
	s := newServer(t, func(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond })
	s.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: short-lived, namespace: ml}, spec: {
		model: org/model, accelerator: {type: atom, count: 1}, podMetadata: {annotations: {nufi.test/status: manual}}}}`)
	setContainer(s.Harness, "short-lived", corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "CrashLoopBackOff",
	}}}, v1.ReasonCrashLoop)
	serveLogs(s.Harness, "short-lived", follow)
	var opened atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") == "true" {
			opened.Add(1)
		}
		s.API.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	pods := &corev1.PodList{}
	s.Must(s.Client.List(t.Context(), pods, client.InNamespace("ml"), client.MatchingLabels{v1.LabelDeploy: "short-lived"}))
	page := front.URL + "/deployments/ml/short-lived/logs?pod=" + pods.Items[0].Name
	shown, hidden := open(t, s, "ann", looks()[0]), open(t, s, "ann", looks()[0])
	for _, tab := range []*tab{shown, hidden} {
		tab.do(chromedp.Navigate(page))
	}
	awaitStreams(s, 2)
	hide(hidden, "true")
	s.Delete(&pods.Items[0], client.GracePeriodSeconds(0))
	shown.await(`document.querySelector("#log").textContent === "serves\n— the pod is gone\n"`)
	before := opened.Load()
	hide(shown, "true")
	hide(shown, "false")
	if got := eval[int](shown, `fetch(location.href).then((response) => response.status)`); got != http.StatusOK || opened.Load() != before {
		t.Errorf("the page is %d, and the log was opened %d times again", got, opened.Load()-before)
	}
	hide(hidden, "false")
	hidden.await(`document.querySelector(".notice.error:not([hidden])")?.textContent.includes("has no pod")`)
	s.Delete(s.NpuDeploy("short-lived"))
	s.AwaitGone(s.NpuDeploy("short-lived"))
}

// follow serves a log of one line that goes on.
func follow(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("tailLines") == "0" {
		return
	}
	_, _ = fmt.Fprintln(w, "serves")
	if r.URL.Query().Get("follow") == "true" {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func TestLogIsFollowedAndSearched(t *testing.T) {
	s := newServer(t)
	more := make(chan string, 2)
	serveLogs(s.Harness, "qwen-7b", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("previous") == "true" {
			_, _ = fmt.Fprintln(w, "\x1b[31mout of memory\x1b[0m "+hostile)
			return
		}
		for i := range 300 {
			_, _ = fmt.Fprintln(w, "loads shard", i)
		}
		if r.URL.Query().Get("follow") == "true" {
			w.(http.Flusher).Flush()
			_, _ = fmt.Fprintln(w, "serves at 8000")
			w.(http.Flusher).Flush()
			for {
				select {
				case line := <-more:
					_, _ = fmt.Fprintln(w, line)
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		}
	})
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/deployments/ml/qwen-7b/logs")
	tab.await(`document.querySelector("#log").textContent.includes("serves at 8000")`)
	const atEnd = `(() => { const log = document.querySelector("#log"); return log.scrollHeight - log.scrollTop - log.clientHeight < 8; })()`
	tab.await(atEnd)
	eval[bool](tab, `(document.querySelector("#log").scrollTop = 40) === 40`)
	more <- "answers a request"
	tab.await(`document.querySelector("#log").textContent.includes("answers a request")`)
	if got := eval[float64](tab, `document.querySelector("#log").scrollTop`); got != 40 {
		t.Errorf("the log has scrolled to %v while the user reads above", got)
	}
	eval[bool](tab, `(document.querySelector("#log").scrollTop = 1e6) === 1e6`)
	more <- "answers another"
	tab.await(`document.querySelector("#log").textContent.includes("answers another") && ` + atEnd)
	tab.do(chromedp.SendKeys(chromedp.CSS("#log-search"), "SHARD 29"))
	tab.await(`document.querySelector("#log-found").value === "11"`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#log-search"), kb.Enter+kb.Enter))
	tab.await(`document.querySelector("#log-found").value === "2 / 11" && CSS.highlights.get("current").size === 1`)
	tab.wantAccessible()
	tab.wantNoReports()
	if got := eval[string](tab, `document.querySelector("[download]").getAttribute("href")`); !strings.Contains(got, "/logs?") {
		t.Errorf("the download is %s", got)
	}
	tab.do(chromedp.Click(chromedp.CSS("[name=previous]")))
	tab.submit(".filters button")
	if got := strings.TrimSpace(tab.text("#log")); got != "out of memory "+hostile {
		t.Errorf("the previous log is %q", got)
	}
	tab.wantNone("img")
	tab.wantNoReports()
}
