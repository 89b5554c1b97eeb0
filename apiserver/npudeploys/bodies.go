package npudeploys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/live"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Bounds of the lists that are kept: their number, and the size of each.
const (
	maxBodies    = 8
	maxBodyBytes = 4 << 20
)

// bodies keeps the last lists as JSON. Requests with the same result share one, whoever sends
// them: a list is found by its content, after the user's access was reviewed.
type bodies struct {
	mu   sync.Mutex
	kept []keptBody // the one that was used last is the first
}

type keptBody struct {
	head    []byte
	deploys []*live.Deploy
	encode  func() body // once
}

// body is a list as JSON, which must not be modified, and its entity tag.
type body struct {
	text []byte
	tag  string
}

func (b *bodies) of(listing *Listing) (body, error) {
	head, err := listing.head()
	if err != nil {
		return body{}, err
	}
	return b.find(head, listing).encode(), nil
}

func (b *bodies) find(head []byte, listing *Listing) keptBody {
	deploys := listing.Deploys
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.kept, func(k keptBody) bool { return bytes.Equal(k.head, head) && slices.Equal(k.deploys, deploys) })
	if i >= 0 {
		found := b.kept[i]
		b.kept = slices.Insert(slices.Delete(b.kept, i, i+1), 0, found)
		return found
	}
	created := keptBody{head, deploys, sync.OnceValue(func() body { return body{encode(head, deploys), listing.tag()} })}
	if sizeOf(head, deploys) <= maxBodyBytes {
		b.kept = slices.Insert(b.kept[:min(len(b.kept), maxBodies-1)], 0, created)
	}
	return created
}

// tag returns an entity tag of all of a list but its resourceVersion, which changes with any NpuDeploy
// of the cluster: a watch can begin at the earlier one as well.
func (l *Listing) tag() string {
	text := fmt.Appendf(nil, "%q %v %t\n", l.Continue, l.Summary, l.Version == "")
	for _, deploy := range l.Deploys {
		text = append(append(append(text, deploy.UID...), deploy.ResourceVersion...), deploy.StateJSON...)
	}
	sum := sha256.Sum256(text)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// head returns all of a list but its states and items.
func (l *Listing) head() ([]byte, error) {
	return json.Marshal(struct {
		metav1.TypeMeta
		Metadata metav1.ListMeta `json:"metadata"`
		Summary  Summary         `json:"summary"`
	}{
		metav1.TypeMeta{APIVersion: v1.GroupVersion().String(), Kind: v1.Kind + "List"},
		metav1.ListMeta{ResourceVersion: l.Version, Continue: l.Continue}, l.Summary,
	})
}

const startOfStates, startOfItems, endOfList = `,"states":[`, `],"items":[`, "]}\n"

// sizeOf returns the most bytes that encode returns.
func sizeOf(head []byte, deploys []*live.Deploy) int {
	size := len(head) + len(startOfStates) + len(startOfItems) + len(endOfList)
	for _, deploy := range deploys {
		size += len(deploy.StateJSON) + len(deploy.JSON) + len(",,")
	}
	return size
}

// encode joins the encoded objects, to be written at once: most of the time of a long list is
// spent in system calls.
func encode(head []byte, deploys []*live.Deploy) []byte {
	text := append(make([]byte, 0, sizeOf(head, deploys)), bytes.TrimSuffix(head, []byte("}"))...)
	text = appendEach(append(text, startOfStates...), deploys, func(d *live.Deploy) []byte { return d.StateJSON })
	text = appendEach(append(text, startOfItems...), deploys, func(d *live.Deploy) []byte { return d.JSON })
	return append(text, endOfList...)
}

func appendEach(text []byte, deploys []*live.Deploy, encoded func(*live.Deploy) []byte) []byte {
	for i, deploy := range deploys {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, encoded(deploy)...)
	}
	return text
}
