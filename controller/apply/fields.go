package apply

import (
	"bytes"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cached"
)

// uidPlaceholder is a UID that no object has. It needs no escape, as it is in JSON within JSON.
const uidPlaceholder = "00000000-0000-0000-0000-000000000000"

// fieldSet is the fields of a manager, in the format FieldsV1.
type fieldSet struct {
	text   string
	fields map[string]any // of text; not modified
}

// fieldSets shares equal sets, which thousands of cached objects have, and decodes each once.
type fieldSets struct{ cached.Shared[fieldSet] }

// ownedFields shares the sets of all caches.
var ownedFields fieldSets //nolint:gochecknoglobals // The sets are values.

// of returns the fields of our entry. Those of the same object of other owners differ by the UID of
// the owner only, and become equal.
func (s *fieldSets) of(entry metav1.ManagedFieldsEntry, object client.Object) fieldSet {
	fields := entry.FieldsV1.GetRawBytes()
	if controller := metav1.GetControllerOfNoCopy(object); controller != nil && controller.UID != "" {
		fields = bytes.ReplaceAll(fields, []byte(controller.UID), []byte(uidPlaceholder))
	}
	return s.get(fields)
}

// get returns the decoded set, without fields if it is invalid.
func (s *fieldSets) get(fields []byte) fieldSet {
	return s.GetBytes(fields, func() fieldSet {
		set := fieldSet{text: string(fields)}
		if json.Unmarshal(fields, &set.fields) != nil {
			set.fields = nil
		}
		return set
	})
}

// below returns the fields at a path, or nil.
func (s fieldSet) below(path ...string) map[string]any {
	fields := s.fields
	for _, name := range path {
		fields, _ = fields[name].(map[string]any)
	}
	return fields
}

// ownsAll reports whether our entry in the managed fields of the object has every field of the
// manifest. The API server removes from it what another client changes or removes.
func (l *live) ownsAll(desired manifest) bool {
	var content map[string]any
	fields := ownedFields.get([]byte(l.fieldsText)).fields
	if l.controller == "" || len(fields) == 0 {
		return false
	}
	body, err := desired.body()
	if err != nil || json.Unmarshal(bytes.ReplaceAll(body, []byte(l.controller), []byte(uidPlaceholder)), &content) != nil {
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
		if items < len(value) {
			return false
		}
		for _, item := range value {
			if !ownsItem(fields, item) {
				return false
			}
		}
	}
	return true
}

// ownsItem reports whether the item is among the owned elements of a list.
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

// hasKey reports whether an item of a list has a key. The item may omit fields that have a default.
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
