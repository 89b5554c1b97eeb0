package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// browser is one Chromium, which the first test starts.
type browser struct {
	once   sync.Once
	ctx    context.Context //nolint:containedctx // The browser of chromedp is a context.
	cancel context.CancelFunc
	err    error
}

func (b *browser) start(tb testing.TB) context.Context {
	tb.Helper()
	b.once.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox) // root has no sandbox
		allocator, cancelAllocator := chromedp.NewExecAllocator(context.WithoutCancel(tb.Context()), options...)
		ctx, cancel := chromedp.NewContext(allocator)
		b.ctx, b.cancel = ctx, func() {
			cancel()
			cancelAllocator()
		}
		b.err = chromedp.Do(ctx)
	})
	if b.err != nil {
		tb.Fatal("no chromium: ", b.err)
	}
	return b.ctx
}

func (b *browser) stop() {
	if b.cancel != nil {
		b.cancel()
	}
}

// look is how a user has configured the browser.
type look struct {
	language string // en or ko
	dark     bool
	width    int64
}

func (l look) String() string {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%s-%s-%d", l.language, scheme, l.width)
}

const (
	desktop = 1280
	tablet  = 768
	phone   = 360
)

// looks returns both languages in both color schemes, and each language and scheme in both widths.
func looks() []look {
	return []look{{"en", false, desktop}, {"en", true, phone}, {"ko", false, phone}, {"ko", true, desktop}}
}

// tab is a page of a user. It records what the browser reports about it.
type tab struct {
	testing.TB

	server  string          // its URL
	ctx     context.Context //nolint:containedctx // The tab of chromedp is a context.
	untimed context.Context //nolint:containedctx // ctx without its end
	mu      sync.Mutex
	reports []string // console messages, exceptions, violations of the policy and failed requests
}

// open opens an empty tab, which is closed after the test. An empty user has no credentials.
func open(tb testing.TB, s *apitest.Server, user string, look look) *tab {
	tb.Helper()
	t := &tab{TB: tb, server: s.URL}
	ctx, closeTab := chromedp.NewContext(shared.start(tb), chromedp.WithNewBrowserContext(), chromedp.WithListener(t.record))
	t.must(chromedp.Do(ctx)) // without a timeout, which would end the tab
	t.untimed = ctx
	ctx, stop := context.WithTimeout(ctx, harness.Timeout)
	t.ctx = ctx
	tb.Cleanup(func() {
		stop()
		closeTab()
	})
	scheme := "light"
	if look.dark {
		scheme = "dark"
	}
	call(t, network.Enable, network.EnableParams{})
	headers := network.Headers{"Accept-Language": look.language}
	if user != "" {
		headers["Authorization"] = "Bearer " + user
	}
	call(t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers})
	call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	call(t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: look.width, Height: 800, DeviceScaleFactor: 1, Mobile: look.width == phone,
	})
	return t
}

// call sends a command of the DevTools protocol.
func call[P, R any](t *tab, command cdp.Command[P, R], params P) {
	t.Helper()
	_, err := chromedp.Call(t.ctx, command, params)
	t.must(err)
}

// record records what the browser reports.
func (t *tab) record(event any) {
	var text string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		text = fmt.Sprintf("%s %s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.URL, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		words := []string{fmt.Sprintf("console.%s", e.Type)}
		for _, arg := range e.Args {
			words = append(words, string(arg.Value)+arg.Description)
		}
		text = strings.Join(words, " ")
	case *runtime.EventExceptionThrown:
		text = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports = append(t.reports, text)
}

func (t *tab) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do runs actions in the tab.
func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for _, action := range actions {
		run(t, action)
	}
}

// visit loads a page.
func (t *tab) visit(path string) {
	t.Helper()
	t.do(chromedp.Navigate(t.server + path))
}

// text returns the visible text of the first element.
func (t *tab) text(selector string) string {
	t.Helper()
	return run(t, chromedp.Text(chromedp.CSS(selector)))
}

// run returns the value of an action. An action whose element the page has just replaced is repeated.
func run[T any](t *tab, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(t.ctx, action)
	for t.ctx.Err() == nil && isReplacedElement(err) {
		value, err = chromedp.Run(t.ctx, action)
	}
	t.must(err)
	return value
}

// isReplacedElement reports whether Chromium no longer has the element that an action found.
// Chromium tells the two cases apart by text alone.
func isReplacedElement(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "Could not find node") || strings.Contains(err.Error(), "No node with given id"))
}

// eval returns the value of an expression, which may be a promise.
func eval[T any](t *tab, expression string) T {
	t.Helper()
	return run(t, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// await waits until an expression is true, here or on a page that the browser loads meanwhile.
func (t *tab) await(expression string) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.ctx, 10*time.Millisecond, harness.Timeout, true, func(ctx context.Context) (bool, error) {
		var holds bool
		holds, last = chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return last == nil && holds, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v; the last error is %v; the page is %s", expression, err, last, t.content())
	}
}

// content returns the URL and the text of the page, also after the tab's time has ended.
func (t *tab) content() string {
	ctx, cancel := context.WithTimeout(t.untimed, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// wantNoReports fails the test if the browser has reported anything.
func (t *tab) wantNoReports() {
	t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, report := range t.reports {
		t.Errorf("the browser reports %s", report)
	}
	t.reports = nil
}

// wantAccessible fails the test for each violation that axe-core finds, on the page or within elements,
// and for content that is wider than the page or than its table.
func (t *tab) wantAccessible(within ...string) {
	t.Helper()
	if width := eval[int](t, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); width > 0 {
		t.Errorf("the page scrolls by %d pixels to the side", width)
	}
	const cut = `[...document.querySelectorAll(".stack, .list")].filter((table) => table.scrollWidth > table.clientWidth).map((table) => table.ariaLabel)`
	for _, name := range eval[[]string](t, cut) {
		t.Errorf("the table %s is cut", name)
	}
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal("run npm ci: ", err)
	}
	t.do(chromedp.Evaluate[chromedp.Void](string(axe)))
	examined := "document"
	if len(within) > 0 {
		examined = fmt.Sprintf("%q", strings.Join(within, ", "))
	}
	violations := eval[[]struct{ ID, Help, Nodes string }](t, fmt.Sprintf(`axe.run(%s, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
	}).then(r => r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")})))`, examined))
	for _, violation := range violations {
		t.Errorf("axe-core reports %s: %s: %s", violation.ID, violation.Help, violation.Nodes)
	}
}

// maxScreenshot bounds a screenshot, in bytes.
const maxScreenshot = 200 << 10

var takesScreenshots = os.Getenv("SCREENSHOTS") != ""

// screenshot writes the visible part of the page to docs/images if SCREENSHOTS is set.
func (t *tab) screenshot(name string) {
	t.Helper()
	if !takesScreenshots {
		return
	}
	image := run(t, chromedp.CaptureScreenshot())
	if len(image) > maxScreenshot {
		t.Errorf("the screenshot %s has %d bytes", name, len(image))
	}
	t.must(os.WriteFile(filepath.Join("..", "..", "docs", "images", name+".png"), image, 0o600))
}

// wantNone fails the test if the page has an element.
func (t *tab) wantNone(selector string) {
	t.Helper()
	if eval[bool](t, fmt.Sprintf("document.querySelector(%q) !== null", selector)) {
		t.Errorf("the page has %s", selector)
	}
}
