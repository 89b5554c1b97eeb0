package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxPage is how many objects a page has at most, and without a limit.
const maxPage = 1000

// list answers from what the server knows, with what the person may list of it.
func (a *API) list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	chosen, err := selectionOf(r)
	if err != nil {
		return err
	}
	cut, err := cutOf(r)
	if err != nil {
		return err
	}
	version, err := versionParameter(r)
	if err != nil {
		return err
	}
	rights, err := knownRightsOf(r.Context(), user, toDeploys("list"), chosen.namespace)
	if err != nil {
		return err
	}
	now, err := a.known(r.Context(), version)
	if err != nil {
		return err
	}
	allowed, err := rights.filter(r.Context(), chosen.from(cut.after, now))
	if err != nil {
		return err
	}
	var meta metav1.ListMeta
	if rights.whole() {
		meta.ResourceVersion = now.Version
	}
	if len(allowed) > cut.limit {
		allowed = allowed[:cut.limit]
		meta.Continue = tokenOf(allowed[cut.limit-1].Key())
	}
	a.stale(w, a.options.Live.UnreachableSince(live.NpuDeploys))
	incomplete(w, rights.leftOut)
	return a.writeList(w, meta, allowed)
}

// from are the matching ones after a key.
func (s selection) from(after live.Key, now live.Snapshot) []*live.Deploy {
	within := now.ListAfter(s.namespace, after)
	if s.labels.Empty() && s.fields.Empty() {
		return within
	}
	var chosen []*live.Deploy
	for _, deploy := range within {
		if s.matches(deploy) {
			chosen = append(chosen, deploy)
		}
	}
	return chosen
}

func pageParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "limit", Doc: "size of a page, 1 to " + strconv.Itoa(maxPage)},
		{Name: "continue", Doc: "metadata.continue of the page before"},
	}
}

// cut is which part of a list is a page.
type cut struct {
	limit int
	after live.Key // the last of the page before
}

func cutOf(r *http.Request) (cut, error) {
	query, wanted := r.URL.Query(), cut{limit: maxPage}
	var err error
	if text := query.Get("limit"); text != "" {
		if wanted.limit, err = strconv.Atoi(text); err != nil || wanted.limit < 1 || wanted.limit > maxPage {
			return cut{}, problem.New(http.StatusBadRequest, "limit has to be a number from 1 to "+strconv.Itoa(maxPage))
		}
	}
	wanted.after, err = keyOf(query.Get("continue"))
	return wanted, err
}

// tokenOf says where a page ended. It lends nothing: who makes one up begins elsewhere, and
// sees what they may.
func tokenOf(key live.Key) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key.Namespace + "/" + key.Name))
}

func keyOf(token string) (live.Key, error) {
	if token == "" {
		return live.Key{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	namespace, name, ok := strings.Cut(string(text), "/")
	if err != nil || !ok {
		return live.Key{}, problem.New(http.StatusBadRequest, "continue has to be metadata.continue of the page before")
	}
	return live.Key{Namespace: namespace, Name: name}, nil
}

// keptPage is how large a buffer for a page may be that is kept for the next one.
const keptPage = 4 << 20

// writeList puts a list together from what has been encoded before, and writes it at once:
// much of the time of a long one is the kernel's.
func (a *API) writeList(w http.ResponseWriter, meta metav1.ListMeta, deploys []*live.Deploy) error {
	described, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	text, _ := a.pages.Get().(*bytes.Buffer)
	if text == nil {
		text = &bytes.Buffer{}
	}
	text.WriteString(`{"apiVersion":"` + v1.GroupVersion().String() + `","kind":"` + v1.Kind + `List","metadata":`)
	text.Write(described)
	text.WriteString(`,"items":[`)
	for i, deploy := range deploys {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write(deploy.JSON)
	}
	text.WriteString("]}\n")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	err = writeText(w, http.StatusOK, text.Bytes())
	if text.Cap() <= keptPage {
		text.Reset()
		a.pages.Put(text)
	}
	return err
}
