package dashboard_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/test/harness"
)

// provider starts a real OpenID provider with one client and one user, test-user.
func provider(t *testing.T, callback string) string {
	t.Helper()
	storage.RegisterClients(storage.NativeClient("nufi", callback))
	server := httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	issuer := "http://" + server.Listener.Addr().String()
	server.Config.Handler = exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), nil, false)
	server.Start()
	return issuer
}

// sessionKeys returns keys that seal cookies.
func sessionKeys(t *testing.T) *auth.Keys {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestUserSignsInAndOutAtAProvider(t *testing.T) {
	front := httptest.NewUnstartedServer(nil)
	t.Cleanup(front.Close)
	address := "https://" + front.Listener.Addr().String()
	issuer := provider(t, address+"/login/callback")
	var oidc *auth.OIDC
	s := newServer(t, func(o *api.Options) {
		fail := func(w http.ResponseWriter, r *http.Request, status int, detail string) {
			problem.Write(w, r, problem.New(status, detail))
		}
		var err error
		oidc, err = auth.NewOIDC(t.Context(), auth.OIDCOptions{Issuer: issuer, Audiences: []string{"nufi"}, UsernamePrefix: "oidc:", GroupsPrefix: "oidc:"})
		if err != nil {
			t.Fatal(err)
		}
		sessions, err := auth.NewSessions(sessionKeys(t), time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Login, err = auth.NewLogin(oidc, sessions, auth.LoginOptions{RedirectURL: address + "/login/callback", Fail: fail})
		if err != nil {
			t.Fatal(err)
		}
		o.Authenticator = auth.Chain(oidc, sessions)
	})
	s.Await("discovery", func() bool { return oidc.Ready() == nil })
	s.Bind("nufi-project-viewer", "ml", "oidc:id1")
	s.AwaitAllowed(harness.User{Name: "oidc:id1"}, "list dudaji.com/npudeploys", "ml")
	front.Config.Handler = s.API
	front.StartTLS()

	tab := open(t, s, "", looks()[0])
	call(tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	signIn := func(path, shown string) {
		tab.await(`location.pathname === "/login/username" && document.querySelector("[name=password]")`)
		tab.do(chromedp.SendKeys(chromedp.CSS("[name=username]"), "test-user@127.0.0.1"), chromedp.SendKeys(chromedp.CSS("[name=password]"), "verysecure"+kb.Enter))
		tab.await(fmt.Sprintf(`location.pathname === %q && document.querySelector(%q)`, path, shown))
	}
	endSession := func() { call(tab, network.ClearBrowserCookies, cdp.Empty{}) }
	tab.do(chromedp.Navigate(address + "/"))
	signIn("/", "input[value='ml/llama-8b']")
	tab.do(chromedp.Click(chromedp.CSS("input[value='ml/llama-8b']")))
	endSession()
	tab.submit("button[value=restart]")
	if got := tab.text(".problem"); !strings.Contains(got, "401 Unauthorized") || !strings.Contains(got, "reload this page to send the form again") {
		t.Errorf("the form without a session gets %q", got)
	}
	tab.wantAccessible()
	tab.do(chromedp.Navigate(address + "/deployments/ml/llama-8b"))
	signIn("/deployments/ml/llama-8b", "h1")
	endSession()
	hide(tab, "true")
	hide(tab, "false")
	signIn("/deployments/ml/llama-8b", "h1")
	serveLogs(s.Harness, "qwen-7b", follow)
	tab.do(chromedp.Navigate(address + "/deployments/ml/qwen-7b/logs"))
	tab.await(`document.querySelector("#log").textContent === "serves\n"`)
	endSession()
	hide(tab, "true")
	hide(tab, "false")
	signIn("/deployments/ml/qwen-7b/logs", "#log")
	if got := tab.text(".user"); got != "oidc:id1" {
		t.Errorf("the user is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS(`form[action="/logout"] button`)))
	tab.await(`!location.pathname.startsWith("/deployments")`)
	tab.do(chromedp.Navigate(address + "/devices"))
	tab.await(`location.origin !== "` + address + `"`)
	if got := eval[string](tab, "location.origin"); !strings.HasPrefix(issuer, got) {
		t.Errorf("after the logout the page is at %s", got)
	}
}
