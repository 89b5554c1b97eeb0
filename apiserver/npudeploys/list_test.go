package npudeploys

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// newDeploy returns an NpuDeploy whose age is in minutes.
func newDeploy(namespace, name, model, accelerator string, state status.State, age int) *live.Deploy {
	deploy := &v1.NpuDeploy{}
	deploy.Namespace, deploy.Name, deploy.Spec.Model = namespace, name, model
	deploy.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 1, 0, -age, 0, 0, time.UTC))
	deploy.Spec.Accelerator = &v1.Accelerator{Type: accelerator}
	deploy.Status.Templates = "sha256:0123" + accelerator
	return &live.Deploy{NpuDeploy: deploy, StateSummary: live.StateSummary{State: state}}
}

// deploys are in the order of their keys.
func deploys() []*live.Deploy {
	return []*live.Deploy{
		newDeploy("a", "one", "org/Llama-8B", "atom", status.StateReady, 1),
		newDeploy("a", "two", "org/qwen", "x330", status.StateError, 2),
		newDeploy("b", "llama", "org/qwen", "atom", status.StatePending, 4),
		newDeploy("b", "one", "org/mistral/7b", "atom", status.StateReady, 3),
	}
}

func readListQuery(t *testing.T, query string) ListQuery {
	t.Helper()
	q, err := ReadListQuery(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return q
}

func keysOf(listing Listing) string {
	keys := make([]string, len(listing.Deploys))
	for i, deploy := range listing.Deploys {
		keys[i] = deploy.Namespace + "/" + deploy.Name
	}
	return strings.Join(keys, " ")
}

func TestListSelectsSortsAndPages(t *testing.T) {
	for query, want := range map[string]string{
		"":                       "a/one a/two b/llama b/one",
		"sort=-namespace":        "b/one b/llama a/two a/one",
		"sort=name":              "b/llama a/one b/one a/two",
		"sort=-name":             "a/two b/one a/one b/llama",
		"sort=model":             "a/one b/one a/two b/llama",
		"sort=accelerator":       "a/one b/llama b/one a/two",
		"sort=state":             "a/two b/llama a/one b/one",
		"sort=created":           "b/llama b/one a/two a/one",
		"sort=-created":          "a/one a/two b/one b/llama",
		"search=LLAMA":           "a/one b/llama",
		"state=Error,Pending":    "a/two b/llama",
		"accelerator=x330":       "a/two",
		"templates=sha256:0123x": "a/two",
		"templates=sha256:9":     "",
		"search=one&state=Ready&accelerator=atom&sort=-created": "a/one b/one",
	} {
		t.Run(query, func(t *testing.T) {
			q := readListQuery(t, query)
			if got := keysOf(q.list(deploys())); got != want {
				t.Errorf("the list is %q, want %q", got, want)
			}
			var pages []string
			for skipped := 0; ; skipped++ {
				q.Page.Limit = 1
				listing := q.list(deploys())
				if listing.Skipped != skipped || listing.Summary.Total != len(strings.Fields(want)) {
					t.Fatalf("%d of %d objects are before the page, want %d", listing.Skipped, listing.Summary.Total, skipped)
				}
				if len(listing.Deploys) > 0 {
					pages = append(pages, keysOf(listing))
				}
				if listing.Continue == "" {
					break
				}
				q = readListQuery(t, query+"&continue="+listing.Continue)
			}
			if got := strings.Join(pages, " "); got != want {
				t.Errorf("the pages are %q, want %q", got, want)
			}
		})
	}
}

func TestListSkipsToAPage(t *testing.T) {
	for skip, want := range map[int]string{0: "a/two b/one", 2: "a/one b/llama", 3: "b/llama", 4: "", 1 << 40: ""} {
		q := readListQuery(t, "sort=-name&limit=2")
		q.Skip = skip
		if listing := q.list(deploys()); keysOf(listing) != want || listing.Skipped != min(skip, 4) || (listing.Continue != "") != (skip == 0) {
			t.Errorf("after %d the page is %q after %d with %q, want %q", skip, keysOf(listing), listing.Skipped, listing.Continue, want)
		}
	}
}

func TestZeroListQueryListsAll(t *testing.T) {
	if listing := (ListQuery{}).list(deploys()); len(listing.Deploys) != len(deploys()) || listing.Continue != "" {
		t.Errorf("the list is %v", keysOf(listing))
	}
}

func TestListContinuesAfterDeletedObject(t *testing.T) {
	for _, key := range SortKeys() {
		for _, query := range []string{"sort=" + key, "sort=-" + key} {
			all := readListQuery(t, query).list(deploys())
			first := readListQuery(t, query+"&limit=2").list(deploys())
			left := slices.DeleteFunc(deploys(), func(d *live.Deploy) bool { return d.Key() == first.Deploys[1].Key() })
			second := readListQuery(t, query+"&continue="+first.Continue).list(left)
			if got, want := keysOf(first)+" "+keysOf(second), keysOf(all); got != want {
				t.Errorf("%s: the pages are %q, want %q", query, got, want)
			}
		}
	}
}

func TestListCountsStatesWithoutTheFilterByState(t *testing.T) {
	listing := readListQuery(t, "accelerator=atom&state=Pending&limit=1").list(deploys())
	want := Summary{Total: 1, ByState: map[status.State]int{
		status.StateError: 0, status.StateDegraded: 0, status.StatePending: 1, status.StateStarting: 0, status.StateReady: 2, status.StateScaledDown: 0,
	}}
	if diff := cmp.Diff(want, listing.Summary); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(listing.Values()); got != "[a b] [atom x330] [sha256:0123atom sha256:0123x330]" {
		t.Errorf("the namespaces, accelerators and templates are %s", got)
	}
}

func TestListQueryRejectsUnknownValues(t *testing.T) {
	byName := readListQuery(t, "sort=name&limit=1").list(deploys()).Continue
	for _, query := range []string{"state=ready", "state=Ready,", "sort=age", "sort=--name", "sort=-", "sort=model&continue=" + byName, "continue=" + byName} {
		_, err := ReadListQuery(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil))
		var response *problem.Error
		if !errors.As(err, &response) || response.Status != http.StatusBadRequest {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func FuzzListQuery(f *testing.F) {
	for _, seed := range []string{"labelSelector=a%3Db,c%21%3Dd", "labelSelector=((", "fieldSelector=metadata.name%3Da", "fieldSelector=a%0d%0ab", "state=Ready,Error&sort=-created", "continue=YS9iL25hbWUvYg"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		_, err := ReadListQuery(r)
		var response *problem.Error
		if err != nil && (!errors.As(err, &response) || response.Status != http.StatusBadRequest || response.Detail == "") {
			t.Errorf("the error is not the client's: %v", err)
		}
	})
}
