package apply

import (
	"encoding/json"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The API server keeps the book of who owns which field (KEP-555): one that somebody else
// changes or removes is no longer listed as ours, and a change under our own name gives
// our entry another time. As long as that entry is the same, what we applied is in place,
// and no value has to be read, or even watched.

// operationOwned marks the one entry that Summarize leaves. The API server itself knows
// Apply and Update alone.
const operationOwned metav1.ManagedFieldsOperationType = "Owned"

// Summarize replaces an object's managed fields, the larger part of its metadata, by what
// a comparison needs: the digest of our entry. An informer calls it for what it keeps, as
// a transform.
func Summarize(object client.Object) {
	entries := object.GetManagedFields()
	if summaryOf(object) != nil {
		return
	}
	summary := metav1.ManagedFieldsEntry{Manager: v1.FieldManager, Operation: operationOwned}
	if i := slices.IndexFunc(entries, isOurEntry); i >= 0 {
		summary.FieldsType = digestOf(entries[i])
		if _, isDeployment := object.(*appsv1.Deployment); isDeployment && hasReplicas(entries[i]) {
			summary.Subresource = subresourceScale
		}
	}
	object.SetManagedFields([]metav1.ManagedFieldsEntry{summary})
}

// subresourceScale says that the number of replicas is among the fields that we own.
const subresourceScale = "scale"

// summaryOf returns what Summarize left, or nil.
func summaryOf(object client.Object) *metav1.ManagedFieldsEntry {
	entries := object.GetManagedFields()
	if len(entries) != 1 || entries[0].Operation != operationOwned {
		return nil
	}
	return &entries[0]
}

// Drifted says whether the fields that we own differ between two summarized versions of
// an object. They do if there is no later version.
func Drifted(before, after client.Object) bool {
	if after == nil {
		return true
	}
	old, young := summaryOf(before), summaryOf(after)
	return old != nil && young != nil && *old != *young
}

func isOurEntry(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == v1.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func digestOf(entry metav1.ManagedFieldsEntry) string {
	var content []byte
	if entry.FieldsV1 != nil {
		content = slices.Clone(entry.FieldsV1.GetRawBytes())
	}
	if entry.Time != nil {
		content = strconv.AppendInt(content, entry.Time.Unix(), 10)
	}
	return digest(content)
}

func hasReplicas(entry metav1.ManagedFieldsEntry) bool {
	var fields struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	_, has := fields.Spec["f:replicas"]
	return has
}
