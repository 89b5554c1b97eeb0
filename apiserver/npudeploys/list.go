package npudeploys

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// list responds with the observed NpuDeploys that the user may list.
func (h *Handlers) list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	selection, err := parseSelection(r)
	if err != nil {
		return err
	}
	page, err := rest.PageOf(r)
	if err != nil {
		return err
	}
	version, err := rest.ResourceVersion(r)
	if err != nil {
		return err
	}
	access, err := rest.ReviewPartialAccess(r.Context(), user, Need("list"), selection.namespace)
	if err != nil {
		return err
	}
	state, err := State(r.Context(), h.Cluster, version)
	if err != nil {
		return err
	}
	deploys, err := filter(r.Context(), access, selection.selectAfter(live.Key(page.After), state))
	if err != nil {
		return err
	}
	var meta metav1.ListMeta
	if access.Unrestricted() {
		meta.ResourceVersion = state.Version
	}
	if len(deploys) > page.Limit {
		deploys = deploys[:page.Limit]
		meta.Continue = rest.Continue(types.NamespacedName(deploys[page.Limit-1].Key()))
	}
	rest.SetStale(w, h.Cluster.UnreachableSince(live.NpuDeploys), h.Clock())
	rest.SetIncomplete(w, access.Incomplete())
	return h.writeList(w, meta, deploys)
}

// maxPooledBuffer is the size of the largest buffer that is kept for another list.
const maxPooledBuffer = 4 << 20

// writeList joins the encoded objects, and writes the list at once: most of the time of a
// long one is spent in system calls.
func (h *Handlers) writeList(w http.ResponseWriter, meta metav1.ListMeta, deploys []*live.Deploy) error {
	metadata, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	text, _ := h.buffers.Get().(*bytes.Buffer)
	if text == nil {
		text = &bytes.Buffer{}
	}
	text.WriteString(`{"apiVersion":"` + v1.GroupVersion().String() + `","kind":"` + v1.Kind + `List","metadata":`)
	text.Write(metadata)
	text.WriteString(`,"items":[`)
	for i, deploy := range deploys {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write(deploy.JSON)
	}
	text.WriteString("]}\n")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	err = rest.WriteEncoded(w, http.StatusOK, text.Bytes())
	if text.Cap() <= maxPooledBuffer {
		text.Reset()
		h.buffers.Put(text)
	}
	return err
}

// The fields that a fieldSelector may name.
const (
	nameField      = "metadata.name"
	namespaceField = "metadata.namespace"
)

// selection is which NpuDeploys a client asks for.
type selection struct {
	namespace string // empty: all
	labels    labels.Selector
	fields    fields.Selector
}

func selectionParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "labelSelector", Doc: "as in kubectl: team=search,stage!=test", AllowEmpty: true},
		{Name: "fieldSelector", Doc: nameField + "=NAME or " + namespaceField + "=NAMESPACE", AllowEmpty: true},
	}
}

// parseSelection reads the namespace of the path and the selectors.
func parseSelection(r *http.Request) (selection, error) {
	query, s := r.URL.Query(), selection{namespace: mux.Vars(r)["namespace"]}
	var err error
	if s.labels, err = labels.Parse(query.Get("labelSelector")); err != nil {
		return selection{}, problem.New(http.StatusBadRequest, "labelSelector: "+rest.FirstLine(err.Error()))
	}
	if s.fields, err = fields.ParseSelector(query.Get("fieldSelector")); err != nil {
		return selection{}, problem.New(http.StatusBadRequest, "fieldSelector: "+rest.FirstLine(err.Error()))
	}
	for _, requirement := range s.fields.Requirements() {
		if requirement.Field != nameField && requirement.Field != namespaceField {
			return selection{}, problem.New(http.StatusBadRequest, "fieldSelector: unknown field "+rest.Truncate(requirement.Field))
		}
	}
	return s, nil
}

func (s selection) matches(deploy *live.Deploy) bool {
	return (s.namespace == "" || s.namespace == deploy.Namespace) &&
		s.labels.Matches(labels.Set(deploy.Labels)) &&
		(s.fields.Empty() || s.fields.Matches(fields.Set{nameField: deploy.Name, namespaceField: deploy.Namespace}))
}

// selectAfter returns the matching deploys that follow a key.
func (s selection) selectAfter(after live.Key, state live.Snapshot) []*live.Deploy {
	deploys := state.ListAfter(s.namespace, after)
	if s.labels.Empty() && s.fields.Empty() {
		return deploys
	}
	var selected []*live.Deploy
	for _, deploy := range deploys {
		if s.matches(deploy) {
			selected = append(selected, deploy)
		}
	}
	return selected
}
