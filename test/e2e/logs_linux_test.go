package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// serverLog returns what a server writes when it begins, crashes or ends: see server/.
func serverLog(instance, what string) string {
	var text strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintln(&text, instance, what, i)
	}
	return text.String()
}

func (n *node) testLog() {
	pod := n.pods("first")[0]
	instance := n.viewOf(pod).Instance
	n.compareLog("the log", serverLog(instance, "begins"), n.text("pod="+pod.Name))
	n.compareLog("its tail", fmt.Sprintf("%[1]s begins 998\n%[1]s begins 999\n", instance), n.text("tail=2&pod="+pod.Name))
	page := "http://" + apiAddress + "/deployments/" + namespace + "/first/logs?pod=" + pod.Name
	if text := n.page(page); !strings.Contains(text, instance+" begins 999\n") {
		n.Errorf("the page of the log is %s", text)
	} else if !strings.Contains(text, `<b>Pulled</b><span class="sub">done · <time`) {
		n.Errorf("the page has no time of the pull: %s", text)
	}
	token := strings.TrimSpace(n.kubectl("create", "token", "default"))
	for _, accept := range []string{"text/plain", "text/event-stream"} {
		if status, _ := n.log("pod="+pod.Name, accept, token); status != http.StatusForbidden {
			n.Errorf("a user without permissions gets %d for %s", status, accept)
		}
	}
}

func (n *node) testPreviousLog() {
	pod := n.pods("first")[0]
	before := n.viewOf(pod).Instance
	err := get(n.Context(), "http://"+serverAddress(pod)+"/crash", nil)
	if err == nil {
		n.Fatal("the server answers instead of crashing")
	}
	n.await(kubeletName, "the server's restart", func(ctx context.Context) error {
		var now corev1.Pod
		if err := n.client.Get(ctx, client.ObjectKeyFromObject(&pod), &now); err != nil {
			return err
		}
		if status := now.Status.ContainerStatuses[0]; status.RestartCount != 1 || !status.Ready {
			return fmt.Errorf("the container is %+v", status)
		}
		return nil
	})
	n.compareLog("the log before the restart", serverLog(before, "begins")+serverLog(before, "crashes"), n.text("previous=true&since=1h&pod="+pod.Name))
	n.compareLog("the log after it", serverLog(n.viewOf(pod).Instance, "begins"), n.text("since=1h&pod="+pod.Name))
}

// testFollowedLog deletes a pod while its log is followed, as text, as events and by a page in a browser.
func (n *node) testFollowedLog() {
	pod := n.pods("first")[0]
	instance := n.viewOf(pod).Instance
	text, events := n.follow(pod, "text/plain"), n.follow(pod, "text/event-stream")
	page := n.openPage("http://" + apiAddress + "/deployments/" + namespace + "/first/logs?pod=" + pod.Name)
	n.awaitTrue(page, fmt.Sprintf(`document.readyState === "complete" && document.querySelector("#log")?.textContent.endsWith(%q)`, instance+" begins 999\n"))
	n.kubectl("delete", "pod", pod.Name, "--wait=false")
	all := serverLog(instance, "begins") + serverLog(instance, "ends")
	n.compareLog("the text", all, n.rest(text))

	got, end, _ := strings.Cut(strings.ReplaceAll(n.rest(events), ":\n\n", ""), "event: end\n")
	_, lines, _ := strings.Cut(got, "\n\n") // The first event names the pod.
	n.compareLog("the events", all, strings.NewReplacer("data: ", "", "\n\n", "\n").Replace(lines))
	// The pod may be deleted before its exit code is read.
	if !strings.Contains(end, `"exitCode":0`) && !strings.Contains(end, "the pod is gone") {
		n.Errorf("the end is %q", end)
	}
	n.awaitTrue(page, fmt.Sprintf(`document.querySelector("#log").textContent.includes(%q)`, serverLog(instance, "ends")))
}

// follow returns a followed log, of which it has read all lines of the server's start.
func (n *node) follow(pod corev1.Pod, accept string) io.Reader {
	n.Helper()
	var read strings.Builder
	_, body := n.log("follow=true&pod="+pod.Name, accept, "")
	log := bufio.NewReader(body)
	for !strings.HasSuffix(read.String(), " begins 999\n") {
		line, err := log.ReadString('\n')
		if err != nil {
			n.Fatal(err)
		}
		read.WriteString(line)
	}
	return io.MultiReader(strings.NewReader(read.String()), log)
}

// compareLog fails the test if a log differs from what was written.
func (n *node) compareLog(what, want, got string) {
	n.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		n.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
