package dashboard

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/stream"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// waiting returns a deployment with a long row.
func waiting() *live.Deploy {
	deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: "language-models", Name: "llama-3-1-70b-instruct", CreationTimestamp: metav1.Now()}}
	deploy.Spec.Model = "meta-llama/Meta-Llama-3.1-70B-Instruct"
	deploy.Status = v1.NpuDeployStatus{
		URL: "https://llama-3-1-70b-instruct.language-models.nufi.me", ReplicaSummary: "0/2",
		Accelerator: &v1.AcceleratorStatus{Type: "atom", Count: 32}, Templates: "sha256:" + strings.Repeat("0123456789abcdef", 4),
	}
	return &live.Deploy{NpuDeploy: deploy, StateSummary: live.StateSummary{
		State:   status.StatePending,
		Message: "needs 32 ATOM; the largest free block is 12, on npu-node-1; 3 <are> held by ml/llama-8b & others: " + strings.Repeat("waits for a device. ", 10),
	}}
}

func TestChangeOfARowIsAtMostTwoKilobytes(t *testing.T) {
	t.Parallel()
	deploy := waiting()
	for language := range words() {
		frame, err := newHandlers(t).changes.frame(changeView{deploy: deploy, language: language, before: true, after: true, shown: true}, deploy)
		if err != nil || len(frame) > 2000 {
			t.Errorf("%s: the event has %d bytes, %v", language, len(frame), err)
		}
		var change rowChange
		if err := json.Unmarshal(stream.Parse(frame)[0].Data, &change); err != nil || !strings.Contains(change.HTML, "3 &lt;are&gt; held") || change.From != status.StatePending {
			t.Errorf("%s: the event is %s, %v", language, frame, err)
		}
	}
}

// The list of REST has 1.4 kB for each deployment.
func TestPageOfTheListIsAtMostAFifthOfREST(t *testing.T) {
	t.Parallel()
	rows := make([]row, pageSize)
	for i := range rows {
		rows[i] = newListRow(waiting(), time.Now())
		rows[i].Name = strings.ReplaceAll(rows[i].Name, "70b", strconv.Itoa(i*7919))
		rows[i].URL = strings.ReplaceAll(rows[i].URL, "70b", strconv.Itoa(i*7919))
	}
	size := show(t, newHandlers(t), get(t, "/", "Accept-Encoding", "gzip"), rows...).Body.Len()
	if limit := pageSize * 1400 / 5; size > limit {
		t.Errorf("the page has %d bytes, want at most %d", size, limit)
	}
}

func TestChangeIsRenderedOncePerView(t *testing.T) { //nolint:paralleltest // AllocsPerRun cannot
	c, deploy := newHandlers(t).changes, waiting()
	view := changeView{deploy: deploy, language: english, after: true, shown: true}
	first, err := c.frame(view, nil)
	if err != nil {
		t.Fatal(err)
	}
	if allocations := testing.AllocsPerRun(10, func() {
		if again, err := c.frame(view, nil); err != nil || &again[0] != &first[0] {
			t.Error("the change is rendered again")
		}
	}); allocations > 0 {
		t.Errorf("a tab with an equal view allocates %g times", allocations)
	}
	for _, other := range []changeView{
		{deploy: deploy, language: korean, after: true, shown: true}, {deploy: deploy, language: english, after: true},
		{deploy: waiting(), language: english, after: true, shown: true},
	} {
		if frame, err := c.frame(other, nil); err != nil || &frame[0] == &first[0] {
			t.Errorf("%+v is not rendered: %v", other, err)
		}
	}
}

func TestFramesOfOldChangesAreDropped(t *testing.T) {
	t.Parallel()
	c := newChangeFrames(newHandlers(t).views, time.Now)
	for range 2 * maxChanges {
		if _, err := c.frame(changeView{deploy: waiting(), language: english, before: true}, waiting()); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.frames) != maxChanges || len(c.order) != maxChanges {
		t.Errorf("%d frames of %d changes are kept, want %d", len(c.frames), len(c.order), maxChanges)
	}
}

func TestCellsAreCachedByContentAndLanguage(t *testing.T) {
	t.Parallel()
	views := newHandlers(t).views
	shown := newListRow(waiting(), time.Now())
	for shown.Language = range words() {
		for _, shown.Age = range []string{"5s", "6s"} {
			text, err := views.row(shown)
			if err != nil || !strings.Contains(text, "?lang="+string(shown.Language)) || !strings.Contains(text, ">"+shown.Age+"</time>") {
				t.Errorf("the row is %s, %v", text, err)
			}
		}
	}
	if got := len(views.cells.html); got != len(words()) {
		t.Errorf("%d rows are cached", got)
	}
	for i := range maxCachedRows {
		shown.Name = strconv.Itoa(i)
		if text, err := views.row(shown); err != nil || !strings.Contains(text, ">"+shown.Name+"</a>") {
			t.Fatalf("the row is %s, %v", text, err)
		}
	}
	if got := len(views.cells.html); got > maxCachedRows {
		t.Errorf("%d rows are cached", got)
	}
}
