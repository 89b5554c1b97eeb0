package apply

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// OverwrittenFields exports overwrittenFields.
var OverwrittenFields = overwrittenFields

// OwnsValue exports ownsValue.
var OwnsValue = ownsValue

// WithoutDigests returns the set as an earlier version applied it.
func (s *ObjectSet) WithoutDigests(tb testing.TB) *ObjectSet {
	tb.Helper()
	earlier := s.Packed()
	for i := range earlier.manifests {
		annotation := fmt.Sprintf(`"annotations":{"%s":"%s"},`, v1.AnnotationManifest, earlier.manifests[i].digest)
		body, err := earlier.manifests[i].body()
		if err != nil {
			tb.Fatal(err)
		}
		earlier.manifests[i].packed = manifestPacker.pack("earlier", bytes.Replace(body, []byte(annotation), nil, 1))
	}
	return earlier
}

// RecordedDigest returns the digest that an earlier version recorded for an applied object.
func (s *ObjectSet) RecordedDigest(kind string, object client.Object) string {
	i := slices.IndexFunc(s.manifests, func(desired manifest) bool { return desired.ref.Kind == kind })
	return s.manifests[i].digest + "-" + newLive(object).ownedFields
}
