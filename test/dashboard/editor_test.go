package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestEditorInEachLook(t *testing.T) {
	s := newServer(t)
	tested := []string{"/new/ml", "/new/ml?preset=llama-8b", "/deployments/ml/llama-8b/edit"}
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			for _, path := range tested {
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
	t.submit("button[value=" + button + "]")
}

func TestDeploymentIsCreatedAndEdited(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/")
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=new]")), chromedp.Click(chromedp.CSS(`#new a[href^="/new/ml"]`)))
	tab.await(`document.querySelector("textarea")`)
	spec := "metadata:\n  name: mistral-7b\nspec:\n  model: org/first\n  accelerator:\n    type: atom\n    count: 3\n"
	tab.write(spec, "preview")
	if got := tab.text("#errors"); !strings.Contains(got, "Line 7 spec.accelerator.count") {
		t.Errorf("the errors are %q", got)
	}
	if got := eval[string](tab, `document.getElementById("error-devicesEach").textContent`); !strings.Contains(got, "3 cannot be split") {
		t.Errorf("the error of the field is %q", got)
	}
	tab.wantAccessible()
	spec = strings.Replace(spec, "count: 3", "count: 1", 1)
	tab.write(spec, "preview")
	if got := tab.text(".beside"); !strings.Contains(got, "Deployment/mistral-7b") {
		t.Errorf("the preview is %q", got)
	}
	tab.press("save")
	if got := tab.text("h1"); got != "mistral-7b" {
		t.Fatalf("the page is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS(".actions a")))
	tab.await(`document.querySelector("textarea")`)
	eval[bool](tab, fmt.Sprintf(`(() => { const text = document.querySelector("textarea"); text.value = %q;
		return text.dispatchEvent(new Event("input", {bubbles: true})); })()`, strings.Replace(spec, "count: 1", "count: 2", 1)))
	tab.await(`document.querySelector("#preview") && document.body.textContent.includes("Pods are replaced")`) // without a button
	tab.wantAccessible()
	tab.do(chromedp.Click(chromedp.CSS(".beside summary")))
	tab.screenshot("dashboard-edit")

	s.Patch(s.NpuDeploy("mistral-7b"), `{"spec": {"model": "org/other"}}`)
	tab.press("save")
	if got := tab.text(".beside"); !strings.Contains(got, "Changed by another user") || !strings.Contains(got, "-  model: org/other\n+  model: org/first") {
		t.Errorf("the conflict is %q", got)
	}
	tab.wantAccessible()
	tab.do(chromedp.Click(chromedp.CSS("input[name=force]")))
	tab.press("save")
	edited := s.NpuDeploy("mistral-7b")
	if s.Get(edited); edited.Spec.Model != "org/first" || *edited.Spec.Accelerator.Count != 2 {
		t.Errorf("the spec is %+v", edited.Spec)
	}
	s.Delete(edited)
	s.AwaitGone(edited)
}

func TestDeploymentIsCreatedFromAPreset(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/new/ml?preset=qwen-7b")
	eval[bool](tab, `document.querySelector("#field-name").select() === undefined`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#field-name"), "from-preset"))
	tab.await(`document.querySelector("textarea").value.includes("name: from-preset")`)
	tab.press("save")
	tab.await(`document.querySelector("h1").textContent === "from-preset"`)
	created := s.NpuDeploy("from-preset")
	if s.Get(created); created.Spec.Model != "Qwen/Qwen2.5-7B-Instruct" || created.Spec.Accelerator == nil {
		t.Errorf("the spec is %+v", created.Spec)
	}
	tab.wantNoReports()
	s.Delete(created)
	s.AwaitGone(created)
}

// valueIs is true when an input of the editor has a value.
func valueIs(name, value string) string {
	return fmt.Sprintf("document.querySelector('[name=%s]').value === %q", name, value)
}

func TestFormAndYAMLFollowEachOther(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/new/ml")
	tab.do(chromedp.Click(chromedp.CSS(`.presets a[href*="preset=qwen-7b"]`)))
	tab.await(`document.querySelector("textarea")?.value.includes("Qwen/Qwen2.5-7B-Instruct")`)
	tab.await(`document.querySelector(".draft").textContent.includes("Deployment/qwen-7b")`)

	// The YAML is followed by the form.
	yaml := "# kept" + markup + "\nmetadata:\n  name: both\nspec:\n  unknown: 1 # as it is\n\n  model: org/model\n  accelerator:\n    type: atom\n    count: 2\n"
	typeYAML := func(yaml string) {
		eval[bool](tab, fmt.Sprintf(`(() => { const text = document.querySelector("textarea"); text.focus(); text.value = %q;
			text.setSelectionRange(5, 5); return text.dispatchEvent(new Event("input", {bubbles: true})); })()`, yaml))
	}
	typeYAML(yaml)
	tab.await(valueIs("name", "both") + " && " + valueIs("devicesEach", "2"))
	tab.await(`document.querySelector("#errors").textContent.includes("Line 5 spec.unknown")`)
	if got := eval[int](tab, "document.querySelector('textarea').selectionStart"); got != 5 {
		t.Errorf("the caret is at %d", got)
	}

	// The form is followed by the YAML, with its errors at the field and the line. A field that the form
	// lacks stays.
	yaml = strings.Replace(yaml, "unknown: 1", "podMetadata: {labels: {a: b}}", 1)
	typeYAML(yaml)
	tab.await(`!document.querySelector("#errors")`)
	eval[bool](tab, `document.querySelector("#field-devicesEach").select() === undefined`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#field-devicesEach"), "3"))
	tab.await(`document.querySelector("#error-devicesEach").textContent.includes("3 cannot be split") && document.querySelector("#field-devicesEach").ariaInvalid === "true"`)
	tab.await(`[...document.querySelectorAll(".lines b")].map(l => l.textContent).join() === "10"`)
	want := strings.Replace(yaml, "count: 2", "count: 3", 1)
	if got := eval[string](tab, `document.querySelector("textarea").value`); got != want {
		t.Errorf("the YAML is %q, want %q", got, want)
	}
	if got := eval[string](tab, "document.activeElement.name"); got != "devicesEach" {
		t.Errorf("the focus is at %q", got)
	}
	tab.wantAccessible()
	tab.screenshot("dashboard-form")

	// Tab indents, and Escape lets it move the focus.
	tab.do(chromedp.Focus(chromedp.CSS("textarea")), chromedp.SendKeys(chromedp.CSS("textarea"), kb.Tab))
	if got := eval[string](tab, `document.querySelector("textarea").value`); len(got) != len(want)+2 {
		t.Errorf("after Tab the YAML is %q", got)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("textarea"), kb.Escape+kb.Tab))
	tab.await(`document.activeElement.tagName === "BUTTON"`)
	tab.wantNoReports()
}

// asksBeforeLeaving reports whether the browser would ask before it leaves the page.
func (t *tab) asksBeforeLeaving() bool {
	t.Helper()
	return eval[bool](t, `!window.dispatchEvent(new Event("beforeunload", {cancelable: true}))`)
}

func TestEditorAsksBeforeItsTextIsLost(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/new/ml?preset=qwen-7b")
	if tab.asksBeforeLeaving() {
		t.Error("a page without a change asks")
	}
	eval[bool](tab, `document.querySelector("#field-name").select() === undefined`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#field-name"), "unsaved"))
	if !tab.asksBeforeLeaving() {
		t.Error("a page with a change does not ask")
	}
	tab.press("preview") // without a question, which would keep the page
	if !tab.asksBeforeLeaving() {
		t.Error("a page with a preview does not ask")
	}
	tab.press("save")
	if got := tab.text("h1"); got != "unsaved" || tab.asksBeforeLeaving() {
		t.Errorf("after the save the page is %q, or asks", got)
	}
	created := s.NpuDeploy("unsaved")
	s.Delete(created)
	s.AwaitGone(created)
}

// maxErrorDelay bounds the time from a key press until its errors are shown.
const maxErrorDelay = 150 * time.Millisecond

func BenchmarkKeyPressUntilItsErrors(b *testing.B) {
	s := newServer(b)
	tab := open(b, s, "ann", looks()[0])
	tab.visit("/new/ml?preset=qwen-7b")
	tab.await(`document.querySelector("#field-devicesEach")`)
	delays := eval[[]float64](tab, `(async () => {
		const input = document.querySelector("#field-devicesEach"), delays = [];
		input.focus();
		for (let i = 0; i < 100; i++) {
			const invalid = i % 2 === 0;
			input.value = invalid ? "3" : "4";
			const start = performance.now();
			input.dispatchEvent(new Event("input", {bubbles: true}));
			while ((document.querySelector("#error-devicesEach").textContent !== "") !== invalid) await new Promise(requestAnimationFrame);
			delays.push(performance.now() - start);
		}
		return delays.sort((a, b) => a - b);
	})()`)
	b.ReportMetric(delays[49], "p50-ms")
	b.ReportMetric(delays[94], "p95-ms")
	if delays[94] > float64(maxErrorDelay.Milliseconds()) {
		b.Errorf("the 95th percentile is %.0f ms", delays[94])
	}
}
