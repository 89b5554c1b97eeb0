package apply

import (
	"encoding/json"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// uidPlaceholder is in no JSON, so that it replaces nothing else.
	uidPlaceholder = "\x00"
	// maxShared bounds the texts that are shared: a few for each kind, and more where users choose keys.
	maxShared = 1000
)

// texts shares equal texts, which thousands of cached objects have.
type texts struct {
	mu     sync.Mutex
	shared map[string]string
}

func (t *texts) share(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if shared, ok := t.shared[text]; ok {
		return shared
	}
	if t.shared == nil || len(t.shared) >= maxShared {
		t.shared = map[string]string{}
	}
	t.shared[text] = text
	return text
}

// ownedFields shares the texts of all caches.
var ownedFields texts //nolint:gochecknoglobals // The texts are values.

// textOf returns the fields of our entry. Those of the same object of other owners differ by the UID
// of the owner only, and become equal.
func textOf(entry metav1.ManagedFieldsEntry, object client.Object) string {
	text := entry.FieldsV1.GetRawString()
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil && controller.UID != "" {
		text = strings.ReplaceAll(text, string(controller.UID), uidPlaceholder)
	}
	return ownedFields.share(text)
}

// ownsAll reports whether our entry in the managed fields of the object has every field of the
// manifest. The API server removes from it what another client changes or removes.
func (l *live) ownsAll(desired manifest) bool {
	var fields, content map[string]any
	text := strings.ReplaceAll(l.fieldsText, uidPlaceholder, string(l.controller))
	if json.Unmarshal([]byte(text), &fields) != nil || json.Unmarshal(desired.body, &content) != nil {
		return false
	}
	for _, name := range []string{"apiVersion", "kind"} { // No manager owns these.
		delete(content, name)
	}
	metadata, _ := content["metadata"].(map[string]any)
	for _, name := range []string{"name", "namespace", "resourceVersion"} {
		delete(metadata, name)
	}
	return ownsValue(fields, content)
}

// ownsValue compares a value with the fields that a manager owns in it, in the format FieldsV1.
func ownsValue(fields map[string]any, value any) bool {
	if len(fields) == 0 {
		return true // A scalar, or a list or map that is owned as a whole.
	}
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			below, isOwned := fields["f:"+name].(map[string]any)
			if !isOwned || !ownsValue(below, field) {
				return false
			}
		}
	case []any:
		items := 0
		for element := range fields {
			if element != "." {
				items++
			}
		}
		for _, item := range value {
			if items < len(value) || !ownsItem(fields, item) {
				return false
			}
		}
	}
	return true
}

// ownsItem reports whether one of the elements of a list is the item, and owned.
func ownsItem(fields map[string]any, item any) bool {
	for element, below := range fields {
		kind, text, _ := strings.Cut(element, ":")
		var key any
		if json.Unmarshal([]byte(text), &key) != nil {
			continue
		}
		below, _ := below.(map[string]any)
		if kind == "v" && key == item || kind == "k" && hasKey(item, key) && ownsValue(below, item) {
			return true
		}
	}
	return false
}

// hasKey reports whether an item of a list has a key. It may leave out fields with a default.
func hasKey(item, key any) bool {
	values, _ := item.(map[string]any)
	fields, isKey := key.(map[string]any)
	for name, value := range fields {
		if got, isSet := values[name]; isSet && got != value {
			return false
		}
	}
	return isKey
}
