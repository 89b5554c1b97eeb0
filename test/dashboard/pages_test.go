package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestOtherPagesInEachLook(t *testing.T) {
	s := newServer(t, withMeasurements(t))
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "ann", look)
			for _, page := range []string{"devices", "projects", "projects/vision", "templates", "me?namespace=ml"} {
				tab.visit("/" + page)
				if got := eval[int](tab, "document.querySelectorAll('header [aria-current=page]').length"); got != 1 {
					t.Errorf("%s has %d current pages", page, got)
				}
				tab.wantNoReports()
				tab.wantAccessible()
			}
			tab.visit("/deployments/ml/missing")
			tab.await(`document.querySelector(".problem")`)
			tab.wantAccessible()
		})
	}
}

func TestLongNamesFitSmallScreens(t *testing.T) {
	s := newServer(t)
	name := strings.Repeat("long-name-", 5)
	s.Apply(strings.ReplaceAll(strings.ReplaceAll(draft, "org/NAME", "org/"+strings.Repeat("long-name-", 9)+"end"), "NAME", name+"1"))
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: name + "2"}}
	project.Spec.DisplayName = strings.Repeat("Research", 8)
	for i := range 20 {
		project.Spec.Members = append(project.Spec.Members, v1.Member{Kind: v1.MemberUser, Name: fmt.Sprintf("oidc:%s%d@example.com", name, i), Role: v1.RoleViewer})
	}
	s.Create(project)
	s.AwaitCondition(project, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	for _, width := range []int64{phone, tablet} {
		tab := open(t, s, "pat", look{"en", false, width})
		for path, shown := range map[string]string{
			"/": "#deployment-ml-" + name + "1", "/deployments/ml/" + name + "1": "tbody .name", "/deployments/ml/" + name + "1/events": "tbody .state",
			"/projects": "[href*='" + name + "2']", "/projects/" + name + "2": "tbody details", "/me": "[href*='" + name + "2']", "/templates": "tbody",
			"/deployments/ml/" + name + "1/manifests": "details",
		} {
			tab.visit(path)
			tab.await(fmt.Sprintf("document.querySelector(%q)", shown))
			eval[bool](tab, `document.querySelectorAll("main details").forEach((details) => { details.open = true; }) === undefined`)
			tab.wantAccessible()
		}
		tab.visit("/projects")
		if got := tab.text(".nodes"); !strings.Contains(got, "+ 12") {
			t.Errorf("the projects are %q", got)
		}
	}
	s.Delete(s.NpuDeploy(name + "1"))
	s.AwaitGone(s.NpuDeploy(name + "1"))
	s.Delete(project)
}

func TestUserSeesWhatTheyMayDo(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/me?namespace=search")
	if got := tab.text("main"); !strings.Contains(got, "Read deployments\n") || !strings.Contains(got, "Create deployments not allowed") || !strings.Contains(got, "Create projects not allowed") {
		t.Errorf("the page is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS(`tbody a[href*="namespace=vision"]`)))
	tab.await(`document.querySelector("main").innerText.includes("Create deployments\n")`)
}

func TestProjectsShowMembersAndQuota(t *testing.T) {
	s := newServer(t)
	tab := open(t, s, "ann", looks()[0])
	tab.visit("/projects")
	if got := tab.text(".nodes"); !strings.Contains(got, "Computer vision") || !strings.Contains(got, "0 / 8") || !strings.Contains(got, "Editor") {
		t.Errorf("the project is %q", got)
	}
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=locked]")))
	if got := tab.text("#locked"); !strings.Contains(got, "create projects.dudaji.com") {
		t.Errorf("the missing permission is %q", got)
	}
	tab.visit("/projects/vision")
	if got := tab.text("main"); !strings.Contains(got, "patch projects.dudaji.com") || !strings.Contains(got, "ann") {
		t.Errorf("the project is %q", got)
	}
	tab.wantNone("main form")
	tab = open(t, s, "vic", looks()[0])
	tab.visit("/projects")
	tab.wantNone(".nodes")
}

// submit clicks a button or a link, and waits for the page that it leads to.
func (t *tab) submit(selector string) {
	t.Helper()
	eval[bool](t, "window.before = true")
	t.do(chromedp.Click(chromedp.CSS(selector)))
	t.await(`!window.before && document.readyState === "complete"`)
}

func TestProjectIsCreatedChangedAndDeleted(t *testing.T) {
	s := newServer(t)
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "speech"}}
	tab := open(t, s, "pat", looks()[0])
	set := func(name, value string) {
		eval[string](tab, fmt.Sprintf("document.getElementById(%q).value = %q", "field-"+name, value))
	}
	submit := tab.submit
	tab.visit("/projects/vision")
	tab.screenshot("dashboard-project")
	tab.visit("/projects")
	submit(`.actions a`)
	tab.wantAccessible()
	set("name", "speech")
	set("displayName", "Speech "+hostile)
	if tab.asksBeforeLeaving() {
		t.Error("a form without a change asks")
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("[id='field-quota.atom']"), "many"))
	if !tab.asksBeforeLeaving() {
		t.Error("the form does not ask before its text is lost")
	}
	submit(".primary")
	if !tab.asksBeforeLeaving() {
		t.Error("the form that was rejected does not ask")
	}
	if got := eval[string](tab, `document.getElementById("error-quota.atom").textContent`); !strings.Contains(got, "must be a number") {
		t.Errorf("the error is %q", got)
	}
	tab.wantAccessible()
	set("quota.atom", "4")
	set("memory", "64Gi")
	set("hosts", "speech.nufi.me")
	submit(".primary")
	tab.await(`document.querySelector(".notice.done") && document.querySelector("progress[aria-label='speech: memory']")`)
	if tab.asksBeforeLeaving() {
		t.Error("the saved form asks")
	}
	s.Get(project)
	if quota := project.Spec.Quota; quota == nil || quota.Accelerators[0] != (v1.AcceleratorQuota{Type: "atom", Count: 4}) || quota.Memory.String() != "64Gi" || quota.CPU != nil || len(project.Spec.HostSuffixes) != 1 {
		t.Errorf("the spec is %+v", project.Spec)
	}
	tab.do(chromedp.SetValue(chromedp.CSS(".member input"), "vic"), chromedp.SetValue(chromedp.CSS(".member [name=role]"), "Admin"))
	submit(".member button")
	tab.await(`document.querySelector("tbody").textContent.includes("vic")`)
	tab.wantAccessible()

	s.Patch(project, `{"spec": {"description": "Changed meanwhile"}}`)
	set("quota.atom", "")
	submit(".primary")
	if got := tab.text("main"); !strings.Contains(got, "Another user has changed") || !strings.Contains(got, "Changed meanwhile") {
		t.Errorf("the conflict is %q", got)
	}
	submit(".primary")
	if s.Get(project); len(project.Spec.Quota.Accelerators) != 0 || project.Spec.Description != "" || len(project.Spec.Members) != 1 {
		t.Errorf("the spec is %+v", project.Spec)
	}
	tab.do(chromedp.Click(chromedp.CSS("tbody summary")))
	submit("tbody details button")
	if s.Get(project); len(project.Spec.Members) != 0 {
		t.Errorf("the members are %v", project.Spec.Members)
	}
	tab.do(chromedp.Click(chromedp.CSS("[popovertarget=delete]")))
	if got := tab.text("#delete ul"); !strings.Contains(got, "Namespace speech") {
		t.Errorf("what is deleted is %q", got)
	}
	tab.wantAccessible()
	tab.do(chromedp.SetValue(chromedp.CSS("#delete input"), "speech"))
	submit("#delete .danger")
	tab.await(`location.pathname === "/projects"`)
	s.Await("the deletion", func() bool {
		err := s.Client.Get(s.Context(), client.ObjectKeyFromObject(project), project)
		return apierrors.IsNotFound(err) || err == nil && project.DeletionTimestamp != nil
	})
	tab.wantNone("img")
}
