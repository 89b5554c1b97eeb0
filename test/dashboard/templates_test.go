package dashboard_test

import (
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// halted is a rollout of other templates, which the controller leaves as it is.
func halted() *v1.TemplateRollout {
	halted := rollout.New("sha256:"+strings.Repeat("0123456789abcdef", 4), 1, "")
	halted.Status = v1.TemplateRolloutStatus{
		ObservedGeneration: 1, Summary: "3/12", Wave: 1, WaveName: "10%",
		Conditions: []metav1.Condition{
			{Type: v1.ConditionProgressing, Status: metav1.ConditionFalse, Reason: v1.ReasonStopped, Message: "halted", LastTransitionTime: metav1.Now()},
			{Type: v1.ConditionHalted, Status: metav1.ConditionTrue, Reason: v1.ReasonDeploysFailed, LastTransitionTime: metav1.Now(),
				Message: "wave 10%: 1 failed, 0 are tolerated; ml/qwen-7b: CrashLoop"},
		},
		Waves: []v1.RolloutWave{
			{Name: "InPlace", Total: 2, Updated: 2, Ready: 2}, {Name: "10%", Total: 1, Updated: 1, Failed: 1}, {Name: "100%"},
		},
		Failed: []v1.FailedDeploy{{Namespace: "ml", Name: "qwen-7b", Reason: "CrashLoop" + markup}},
	}
	return halted
}

func TestRolloutShowsWhyItIsHaltedAndIsRetried(t *testing.T) {
	s := newServer(t)
	created := halted()
	status := created.Status
	s.Create(created)
	created.Status = status
	s.Must(s.Client.Status().Update(s.Context(), created))
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/templates")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=retry]")))
	if got := tab.text("#retry"); !strings.Contains(got, "patch templaterollouts.dudaji.com") {
		t.Errorf("the missing permission is %q", got)
	}
	tab = open(t, s, "pat", looks()[0])
	tab.visit("/templates")
	if got := tab.text(".rollout"); !strings.Contains(got, "Halted") || !strings.Contains(got, "1 failed, 0 are tolerated") || !strings.Contains(got, markup) {
		t.Errorf("the rollout is %q", got)
	}
	tab.wantNone(".rollout :is([popovertarget=pause], [popovertarget=resume], [popovertarget=abort])")
	tab.wantAccessible()
	tab.screenshot("dashboard-templates")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=retry]")))
	tab.wantAccessible()
	tab.submit("#retry .primary")
	tab.await(`document.querySelector(".notice.done")`)
	if s.Get(created); created.Spec.Retries != 1 {
		t.Errorf("the spec is %+v", created.Spec)
	}
	tab.wantNone("img")
	tab.wantNoReports()
	s.Delete(created)
}

// candidate writes an archive of the templates with a change.
func candidate(t *testing.T, from, to string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "candidate.zip")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	archive, module, isChanged := zip.NewWriter(file), nufi.Module(), false
	err = fs.WalkDir(module, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(module, path)
		if err != nil {
			return err
		}
		text := strings.Replace(string(content), from, to, 1)
		isChanged = isChanged || text != string(content)
		writer, err := archive.Create(path)
		if err != nil {
			return err
		}
		_, err = io.WriteString(writer, text)
		return err
	})
	for _, err := range []error{err, archive.Close(), file.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !isChanged {
		t.Fatalf("no template contains %q", from)
	}
	return name
}

func TestCandidateShowsItsEffectOnEachDeployment(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/templates")
	tab.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{candidate(t, "graceSeconds: 120", "graceSeconds: 240")}))
	tab.submit(".upload button")
	if got := tab.text("[aria-labelledby=check] .table"); !strings.Contains(got, "ml/llama-8b") || !strings.Contains(got, "Pods are replaced") {
		t.Errorf("the effect is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS("[aria-labelledby=check] summary")))
	if got := tab.text("[aria-labelledby=check] ol"); !strings.Contains(got, "100% ") || !strings.Contains(got, "ml/") {
		t.Errorf("the waves are %q", got)
	}
	tab.wantAccessible()
	tab.wantNoReports()
	tab.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{candidate(t, "policy: {", "policy: {{")}))
	tab.submit(".upload button")
	if got := tab.text("[role=alert]"); !strings.Contains(got, "schemas/policy/policy.cue:") {
		t.Errorf("the error is %q", got)
	}
	eval[bool](tab, `(() => {
		const dropped = new DataTransfer();
		dropped.items.add(new File(["no archive"], "dropped.zip"));
		return (window.before = true) && document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true}));
	})()`)
	tab.await(`!window.before && document.querySelector("[role=alert]")?.textContent.includes("policy.cue") === false`)
}
