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

// said is what a server writes that begins, crashes or ends: see server/.
func said(instance, what string) string {
	var text strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintln(&text, instance, what, i)
	}
	return text.String()
}

func (n *node) readsLog() {
	pod := n.pods("first")[0]
	instance := n.look(pod).Instance
	n.same("the log", said(instance, "begins"), n.text("pod="+pod.Name))
	n.same("its tail", fmt.Sprintf("%[1]s begins 998\n%[1]s begins 999\n", instance), n.text("tail=2&pod="+pod.Name))
	stranger := strings.TrimSpace(n.kubectl("create", "token", "default"))
	for _, accept := range []string{"text/plain", "text/event-stream"} {
		if status, _ := n.log("pod="+pod.Name, accept, stranger); status != http.StatusForbidden {
			n.Errorf("a stranger who asks for %s is answered %d", accept, status)
		}
	}
}

func (n *node) readsPrevious() {
	pod := n.pods("first")[0]
	before := n.look(pod).Instance
	err := get(n.Context(), "http://"+serverAddress(pod)+"/crash", nil)
	if err == nil {
		n.Fatal("a server that was to crash answers")
	}
	n.await(kubeletName, "the server to be started again", func(ctx context.Context) error {
		var now corev1.Pod
		if err := n.client.Get(ctx, client.ObjectKeyFromObject(&pod), &now); err != nil {
			return err
		}
		if status := now.Status.ContainerStatuses[0]; status.RestartCount != 1 || !status.Ready {
			return fmt.Errorf("the container is %+v", status)
		}
		return nil
	})
	n.same("the log before the restart", said(before, "begins")+said(before, "crashes"), n.text("previous=true&since=1h&pod="+pod.Name))
	n.same("the log after it", said(n.look(pod).Instance, "begins"), n.text("since=1h&pod="+pod.Name))
}

// followsToTheEnd deletes a pod while its log is followed, as text and as events.
func (n *node) followsToTheEnd() {
	pod := n.pods("first")[0]
	instance := n.look(pod).Instance
	text, events := n.follow(pod, "text/plain"), n.follow(pod, "text/event-stream")
	n.kubectl("delete", "pod", pod.Name, "--wait=false")
	all := said(instance, "begins") + said(instance, "ends")
	n.same("the text", all, n.rest(text))

	got, end, _ := strings.Cut(strings.ReplaceAll(n.rest(events), ":\n\n", ""), "event: end\n")
	_, lines, _ := strings.Cut(got, "\n\n") // what the first event says, every log's does
	n.same("the events", all, strings.NewReplacer("data: ", "", "\n\n", "\n").Replace(lines))
	// The pod may have gone before anybody could look.
	if !strings.Contains(end, `"exitCode":0`) && !strings.Contains(end, "the pod is gone") {
		n.Errorf("the end is %q", end)
	}
}

// follow returns a log once it is read to where the server has come.
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

// same fails the test if a log is not as it was written.
func (n *node) same(what, want, got string) {
	n.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		n.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
