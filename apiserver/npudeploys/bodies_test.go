package npudeploys

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
)

// newEncoded returns NpuDeploys of a namespace, as the cache holds them.
func newEncoded(namespace string, count, bytes int) []*live.Deploy {
	encoded := make([]*live.Deploy, count)
	for i := range encoded {
		encoded[i] = newDeploy(namespace, strconv.Itoa(i), "org/model", "atom", status.StateReady, i)
		encoded[i].UID, encoded[i].ResourceVersion = types.UID(namespace+strconv.Itoa(i)), "1"
		encoded[i].StateJSON = []byte(`{"state":"Ready"}`)
		encoded[i].JSON = fmt.Appendf(nil, `{"name":"%s/%d","text":"%s"}`, namespace, i, strings.Repeat("x", bytes))
	}
	return encoded
}

func bodyOf(t *testing.T, b *bodies, listing Listing) body {
	t.Helper()
	body, err := b.of(&listing)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestListsWithTheSameResultShareABody(t *testing.T) {
	b, all := &bodies{}, append(newEncoded("a", 2, 0), newEncoded("b", 2, 0)...)
	first := bodyOf(t, b, Listing{Deploys: all, Version: "7"})
	if again := bodyOf(t, b, Listing{Deploys: slices.Clone(all), Version: "7"}); &again.text[0] != &first.text[0] {
		t.Error("the same list is encoded again")
	}
	want := `"states":[{"state":"Ready"},{"state":"Ready"}],"items":[{"name":"a/0","text":""},{"name":"a/1","text":""}]}` + "\n"
	if part := string(bodyOf(t, b, Listing{Deploys: all[:2], Version: "7"}).text); !strings.HasSuffix(part, want) || strings.Contains(part, "b/") {
		t.Errorf("a list of one namespace after one of two is %s", part)
	}
	changed := slices.Clone(all)
	changed[3] = newEncoded("c", 1, 0)[0]
	if next := string(bodyOf(t, b, Listing{Deploys: changed, Version: "7"}).text); !strings.Contains(next, "c/0") || strings.Contains(next, "b/1") {
		t.Errorf("after a change the list is %s", next)
	}
	if next := string(bodyOf(t, b, Listing{Deploys: all, Version: "8"}).text); !strings.Contains(next, `"resourceVersion":"8"`) {
		t.Errorf("at another version the list is %s", next)
	}
	if empty := string(bodyOf(t, b, Listing{}).text); !strings.HasSuffix(empty, `"states":[],"items":[]}`+"\n") {
		t.Errorf("the empty list is %s", empty)
	}
}

func TestTagOfAListChangesWithAllButItsVersion(t *testing.T) {
	all := newEncoded("a", 2, 0)
	changed, starting := *all[1].NpuDeploy, *all[1]
	changed.ResourceVersion = "2"
	starting.StateJSON = []byte(`{"state":"Starting"}`)
	list := Listing{Deploys: all, Version: "7", Summary: Summary{Total: 2}}
	tag := list.tag()
	later := list
	if later.Version = "8"; later.tag() != tag {
		t.Errorf("the tag is %s at another version, want %s", later.tag(), tag)
	}
	for name, change := range map[string]func(*Listing){
		"without a version":      func(l *Listing) { l.Version = "" },
		"another page":           func(l *Listing) { l.Continue = "x" },
		"more on other pages":    func(l *Listing) { l.Summary.Total = 3 },
		"other states elsewhere": func(l *Listing) { l.Summary.ByState = map[status.State]int{status.StateReady: 1} },
		"another order":          func(l *Listing) { l.Deploys = []*live.Deploy{all[1], all[0]} },
		"fewer":                  func(l *Listing) { l.Deploys = all[:1] },
		"one changed": func(l *Listing) {
			l.Deploys = []*live.Deploy{all[0], {NpuDeploy: &changed, StateJSON: all[1].StateJSON}}
		},
		"one with another state": func(l *Listing) { l.Deploys = []*live.Deploy{all[0], &starting} },
	} {
		other := list
		if change(&other); other.tag() == tag {
			t.Errorf("%s: the tag is the same", name)
		}
	}
}

func TestNumberAndSizeOfBodiesAreBounded(t *testing.T) {
	b, used := &bodies{}, newEncoded("used", 1, 0)
	kept := bodyOf(t, b, Listing{Deploys: used})
	for i := range 2 * maxBodies {
		bodyOf(t, b, Listing{Deploys: newEncoded(strconv.Itoa(i), 1, 0)})
		if again := bodyOf(t, b, Listing{Deploys: used}); &again.text[0] != &kept.text[0] {
			t.Fatalf("after %d others, the list that is used is encoded again", i)
		}
	}
	bodyOf(t, b, Listing{Deploys: newEncoded("large", 2, maxBodyBytes/2)})
	if len(b.kept) != maxBodies || slices.ContainsFunc(b.kept, func(k keptBody) bool { return len(k.encode().text) > maxBodyBytes }) {
		t.Errorf("%d bodies are kept, want %d without the large one", len(b.kept), maxBodies)
	}
}

// Selecting the objects of an unchanged list costs the same for any number and size of them.
func TestUnchangedListAllocatesLittle(t *testing.T) {
	b, all := &bodies{}, newEncoded("a", rest.MaxPage, 1000)
	if got := testing.AllocsPerRun(10, func() { bodyOf(t, b, ListQuery{}.list(all)) }); got > 40 {
		t.Errorf("%.0f allocations for an unchanged list, want at most 40", got)
	}
}
