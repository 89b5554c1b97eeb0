package dashboard_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestEditorInEachLook(t *testing.T) {
	s := newServer(t)
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			for _, path := range []string{"/new/ml", "/deployments/ml/llama-8b/edit"} {
				tab.visit(path)
				tab.wantNoReports()
				tab.wantAccessible()
			}
		})
	}
}

// write replaces the text of the editor and presses a button.
func (t *tab) write(text, button string) {
	t.Helper()
	t.do(chromedp.SetValue(chromedp.CSS("textarea"), text))
	t.press(button)
}

// press presses a button of the editor, and waits for the page that it leads to.
func (t *tab) press(button string) {
	t.Helper()
	eval[bool](t, "window.before = true")
	t.do(chromedp.Click(chromedp.CSS("button[value=" + button + "]")))
	t.await(`!window.before && document.readyState === "complete"`)
}

func TestDeploymentIsCreatedAndEdited(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=new]")), chromedp.Click(chromedp.CSS(`#new a[href^="/new/ml"]`)))
	tab.await(`document.querySelector("textarea")`)
	spec := "metadata:\n  name: edited\nspec:\n  model: org/first\n  accelerator:\n    type: atom\n    count: 3\n"
	tab.write(spec, "preview")
	if got := tab.text("#errors"); !strings.Contains(got, "Line 7 spec.accelerator.count") {
		t.Errorf("the errors are %q", got)
	}
	tab.wantAccessible()
	spec = strings.Replace(spec, "count: 3", "count: 1", 1)
	tab.write(spec, "preview")
	if got := tab.text(".beside"); !strings.Contains(got, "Deployment/edited") {
		t.Errorf("the preview is %q", got)
	}
	tab.press("save")
	if got := tab.text("h1"); got != "edited" {
		t.Fatalf("the page is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS(".actions a")))
	tab.await(`document.querySelector("textarea")`)
	tab.write(strings.Replace(spec, "count: 1", "count: 2", 1), "preview")
	tab.await(`document.querySelector("#preview") && document.body.textContent.includes("Pods are replaced")`)
	tab.wantAccessible()
	tab.do(chromedp.Click(chromedp.CSS(".beside summary")))
	tab.screenshot("dashboard-edit")

	s.Patch(s.NpuDeploy("edited"), `{"spec": {"model": "org/other"}}`)
	tab.press("save")
	if got := tab.text(".beside"); !strings.Contains(got, "Changed by another user") || !strings.Contains(got, "org/other") {
		t.Errorf("the conflict is %q", got)
	}
	tab.wantAccessible()
	tab.do(chromedp.Click(chromedp.CSS("input[name=force]")))
	tab.press("save")
	edited := s.NpuDeploy("edited")
	if s.Get(edited); edited.Spec.Model != "org/first" || *edited.Spec.Accelerator.Count != 2 {
		t.Errorf("the spec is %+v", edited.Spec)
	}
	s.Delete(edited)
	s.AwaitGone(edited)
}
