package apply

import (
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// summary is what a comparison reads of an object's managed fields, the largest part of its metadata, and of its annotations.
//
// The API server records the manager of each field. A field that another manager changes or
// removes is no longer ours, and a change under our name gives our entry another time. While
// the entry is the same, the applied values are too, and need not be compared.
type summary struct {
	manifest     string // the digest in the object's annotation
	ownedFields  string // the digest of our entry, empty without one
	fieldsText   string // of that entry: see fieldSets
	ownsReplicas bool   // spec.replicas is among them
	added        string // fields of other managers
}

// Summarize replaces the managed fields of an object by their summary. The annotation with the digest is not read
// afterwards. It returns false for an object that it has summarized before: a transform gets some objects twice.
func Summarize(object client.Object) bool {
	if _, isSummarized := summaryOf(object); isSummarized {
		return false
	}
	s, entries := summary{manifest: object.GetAnnotations()[v1.AnnotationManifest]}, object.GetManagedFields()
	if i := slices.IndexFunc(entries, isOurEntry); i >= 0 {
		fields := ownedFields.of(entries[i], object)
		_, hasReplicas := fields.below("f:spec")["f:replicas"]
		s.ownedFields, s.fieldsText = entryDigest(entries[i]), fields.text
		s.ownsReplicas = hasReplicas && replicasOf(object) != nil
		s.added = addedFields(object, entries, fields)
	}
	object.SetManagedFields([]metav1.ManagedFieldsEntry{s.entry()})
	return true
}

// Drifted reports whether the fields that we own differ between two summarized versions of
// an object. A deleted object, with after nil, has drifted. Another digest of the manifest is that of an apply.
func Drifted(before, after client.Object) bool {
	if after == nil {
		return true
	}
	a, isSummarized := summaryOf(before)
	b, isAlso := summaryOf(after)
	if !isSummarized || !isAlso || b.manifest != a.manifest && b.manifest != "" {
		return false
	}
	return a.ownedFields != b.ownedFields || a.ownsReplicas != b.ownsReplicas
}

// operationSummary marks the entry of a summary. The API server itself only uses Apply and Update.
const operationSummary metav1.ManagedFieldsOperationType = "Owned"

// subresourceScale means that spec.replicas is among our fields.
const subresourceScale = "scale"

// entry returns the summary as the only entry of an object's managed fields. The types of Kubernetes, which informers keep,
// have no field of their own for it, and a map of annotations would take several hundred bytes for each object.
func (s summary) entry() metav1.ManagedFieldsEntry {
	entry := metav1.ManagedFieldsEntry{
		Operation:  operationSummary,
		FieldsType: joinDigests(s.manifest, s.ownedFields),
		APIVersion: s.fieldsText,
		Manager:    s.added,
	}
	if s.ownsReplicas {
		entry.Subresource = subresourceScale
	}
	return entry
}

// summaryOf returns the summary of an object. It is not ok for an object that has none.
func summaryOf(object client.Object) (s summary, ok bool) {
	entries := object.GetManagedFields()
	if len(entries) != 1 || entries[0].Operation != operationSummary {
		return summary{}, false
	}
	s = summary{fieldsText: entries[0].APIVersion, ownsReplicas: entries[0].Subresource == subresourceScale, added: entries[0].Manager}
	s.manifest, s.ownedFields, _ = splitDigests(entries[0].FieldsType)
	return s, true
}

func isOurEntry(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == v1.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func entryDigest(entry metav1.ManagedFieldsEntry) string {
	var at []byte
	if entry.Time != nil {
		at = strconv.AppendInt(nil, entry.Time.Unix(), 10)
	}
	return Digest(entry.FieldsV1.GetRawBytes(), at)
}
