// Package history has the earlier specs of NpuDeploys, which are stored as ControllerRevisions
// beside them. The controller stores a spec once its NpuDeploy has changed for the first time: an
// NpuDeploy that never changed has no revision. A spec that does not render is not stored. The
// command line and the API server read the revisions.
//
// The number of replicas is not part of a revision: autoscalers write it. A spec that is used again
// gets the next number instead of a second revision.
package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The annotations of a revision.
const (
	AnnotationChangedBy = "dudaji.com/changed-by" // a field manager; absent if managedFields do not record the change
	AnnotationChangedAt = "dudaji.com/changed-at" // RFC 3339
)

// Revision is a spec that an NpuDeploy had or has.
type Revision struct {
	Number    int64             `json:"revision" doc:"a higher number is newer; a spec that is used again gets the next number"`
	IsCurrent bool              `json:"current" doc:"whether it is the NpuDeploy's spec"`
	ChangedBy string            `json:"changedBy,omitempty" doc:"field manager of the change, if it is recorded"`
	ChangedAt *metav1.Time      `json:"changedAt,omitempty" doc:"time of the change, or when it was stored"`
	Spec      *v1.NpuDeploySpec `json:"spec" schema:"NpuDeploySpec" doc:"the spec without its number of replicas"`

	object *appsv1.ControllerRevision // nil if it is not stored
}

type data struct {
	Spec *v1.NpuDeploySpec `json:"spec"`
}

// Stored returns the revisions that belong to the NpuDeploy, the oldest first. Others, and those
// that cannot be decoded, are left out.
func Stored(deploy *v1.NpuDeploy, objects []appsv1.ControllerRevision) []Revision {
	var revisions []Revision
	for i := range objects {
		object := &objects[i]
		var stored data
		if !metav1.IsControlledBy(object, deploy) || json.Unmarshal(object.Data.Raw, &stored) != nil || stored.Spec == nil {
			continue
		}
		revision := Revision{Number: object.Revision, Spec: stored.Spec, object: object}
		revision.ChangedBy, revision.ChangedAt = change(object)
		if revision.ChangedAt == nil {
			revision.ChangedAt = &object.CreationTimestamp
		}
		revisions = append(revisions, revision)
	}
	slices.SortFunc(revisions, func(a, b Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.object.Name, b.object.Name))
	})
	return revisions
}

// All returns the stored revisions and the current spec, the oldest first.
func All(deploy *v1.NpuDeploy, objects []appsv1.ControllerRevision) []Revision {
	revisions := Stored(deploy, objects)
	current := withoutReplicas(&deploy.Spec)
	if i := find(revisions, current); i >= 0 {
		revisions[i].IsCurrent = true
		return revisions
	}
	revision := Revision{Number: last(revisions) + 1, IsCurrent: true, Spec: current}
	if len(revisions) == 0 || isNewChange(deploy, current, revisions[len(revisions)-1]) {
		if by, at := LastChange(deploy); by != "" {
			revision.ChangedBy, revision.ChangedAt = by, at
		}
	}
	return append(revisions, revision)
}

func isNewChange(deploy *v1.NpuDeploy, spec *v1.NpuDeploySpec, previous Revision) bool {
	_, at := LastChange(deploy)
	return isRecorded(previous.ChangedAt, at, previous.Spec, spec)
}

// Find returns the revision of that number or, if it is 0, the newest one that is not current.
func Find(revisions []Revision, number int64) (Revision, error) {
	for _, revision := range slices.Backward(revisions) {
		if revision.Number == number || number == 0 && !revision.IsCurrent {
			return revision, nil
		}
	}
	if number == 0 {
		return Revision{}, ErrNoEarlier
	}
	return Revision{}, fmt.Errorf("revision %d: %w", number, ErrNotFound)
}

// Restore returns the spec of the revision with the current number of replicas, unless an autoscaler
// sets the number: replicas and scaling exclude each other.
func Restore(revision Revision, current *v1.NpuDeploySpec) v1.NpuDeploySpec {
	spec := *revision.Spec.DeepCopy()
	if spec.Scaling != nil {
		return spec
	}
	if server := current.InferenceServer; server != nil && server.Replicas != nil {
		if spec.InferenceServer == nil {
			spec.InferenceServer = &v1.InferenceServer{}
		}
		spec.InferenceServer.Replicas = new(*server.Replicas)
	}
	return spec
}

// withoutReplicas returns a copy of the spec without its number of replicas.
func withoutReplicas(spec *v1.NpuDeploySpec) *v1.NpuDeploySpec {
	spec = spec.DeepCopy()
	if spec.InferenceServer != nil {
		spec.InferenceServer.Replicas = nil
		if equality.Semantic.DeepEqual(*spec.InferenceServer, v1.InferenceServer{}) {
			spec.InferenceServer = nil
		}
	}
	return spec
}

// Equal reports whether two specs are the same revision.
func Equal(a, b *v1.NpuDeploySpec) bool {
	return equality.Semantic.DeepEqual(withoutReplicas(a), withoutReplicas(b))
}

func find(revisions []Revision, spec *v1.NpuDeploySpec) int {
	return slices.IndexFunc(revisions, func(r Revision) bool { return equality.Semantic.DeepEqual(r.Spec, spec) })
}

func last(revisions []Revision) int64 {
	if len(revisions) == 0 {
		return 0
	}
	return revisions[len(revisions)-1].Number
}

// LastChange returns the field manager that changed the spec last and the time, from managedFields
// or, in the controller's cache, from annotations.
func LastChange(deploy metav1.Object) (by string, at *metav1.Time) {
	for _, entry := range deploy.GetManagedFields() {
		if changesSpec(&entry) && (at == nil || !entry.Time.Before(at)) {
			by, at = entry.Manager, entry.Time
		}
	}
	if at == nil {
		return change(deploy)
	}
	return by, at
}

// KeepLastChange leaves in managedFields what LastChange reads.
func KeepLastChange(deploy metav1.Object) {
	by, at := LastChange(deploy)
	deploy.SetManagedFields(nil)
	if at != nil {
		deploy.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: by, Time: at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}})
	}
}

// IsRecorded reports whether managedFields record the last change. They do not if it only removes
// fields: an update that sets no field adds no entry, and changes no time.
func IsRecorded(before, after *v1.NpuDeploy) bool {
	_, earlier := LastChange(before)
	_, at := LastChange(after)
	return isRecorded(earlier, at, &before.Spec, &after.Spec)
}

// isRecorded compares times of whole seconds: two changes can have the same.
func isRecorded(earlier, at *metav1.Time, before, after *v1.NpuDeploySpec) bool {
	if earlier == nil || at == nil || earlier.Before(at) {
		return true
	}
	return at.Equal(earlier) && !isSubset(fields(after), fields(before))
}

func fields(spec *v1.NpuDeploySpec) map[string]any {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil // Decoded specs can be encoded.
	}
	return fields
}

// isSubset reports whether removals alone change all into part.
func isSubset(part, all any) bool {
	switch part := part.(type) {
	case map[string]any:
		all, isMap := all.(map[string]any)
		for name, value := range part {
			if other, exists := all[name]; !exists || !isSubset(value, other) {
				return false
			}
		}
		return isMap
	case []any:
		all, isList := all.([]any)
		for _, value := range part {
			if !slices.ContainsFunc(all, func(other any) bool { return isSubset(value, other) }) {
				return false
			}
		}
		return isList
	}
	return equality.Semantic.DeepEqual(part, all)
}

// withoutManager returns a copy of the NpuDeploy whose last change has no field manager.
func withoutManager(deploy *v1.NpuDeploy, at time.Time) *v1.NpuDeploy {
	deploy = deploy.DeepCopy()
	deploy.ManagedFields = nil
	delete(deploy.Annotations, AnnotationChangedBy)
	metav1.SetMetaDataAnnotation(&deploy.ObjectMeta, AnnotationChangedAt, at.UTC().Format(time.RFC3339))
	return deploy
}

func changesSpec(entry *metav1.ManagedFieldsEntry) bool {
	return entry.Subresource != "status" && entry.Time != nil && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:spec"`)
}

func change(object metav1.Object) (by string, at *metav1.Time) {
	annotations := object.GetAnnotations()
	if parsed, err := time.Parse(time.RFC3339, annotations[AnnotationChangedAt]); err == nil {
		at = &metav1.Time{Time: parsed}
	}
	return annotations[AnnotationChangedBy], at
}

// Annotations returns the annotations that record the last change of a spec, or nil.
func Annotations(deploy metav1.Object) map[string]string {
	by, at := LastChange(deploy)
	if at == nil {
		return nil
	}
	annotations := map[string]string{AnnotationChangedAt: at.UTC().Format(time.RFC3339)}
	if by != "" {
		annotations[AnnotationChangedBy] = by
	}
	return annotations
}

// newObject returns the ControllerRevision of the spec. Its name depends on the spec and on the UID:
// revisions of a deleted NpuDeploy of the same name may exist until they are garbage-collected.
func newObject(deploy *v1.NpuDeploy, number int64) (*appsv1.ControllerRevision, error) {
	content, err := json.Marshal(data{withoutReplicas(&deploy.Spec)})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte(deploy.UID), content...))
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: deploy.Namespace, Name: deploy.Name + "-" + hex.EncodeToString(sum[:5]),
			Labels: map[string]string{v1.LabelDeploy: deploy.Name}, Annotations: Annotations(deploy),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1.GroupVersion().String(), Kind: v1.Kind, Name: deploy.Name, UID: deploy.UID, Controller: new(true),
			}},
		},
		Data: runtime.RawExtension{Raw: content}, Revision: number,
	}, nil
}
