package render_test

import (
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// apiServer judges specs as the API server does that has our CRD.
type apiServer struct {
	structural *schema.Structural
	shape      validation.SchemaValidator
	rules      *cel.Validator
}

func newAPIServer(tb testing.TB, kind kind) apiServer {
	tb.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(read(tb, kind.crd), &crd); err != nil {
		tb.Fatal(err)
	}
	var internal apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(crd.Spec.Versions[0].Schema, &internal, nil); err != nil {
		tb.Fatal(err)
	}
	structural, err := schema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		tb.Fatal(err)
	}
	shape, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		tb.Fatal(err)
	}
	return apiServer{structural, shape, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
}

// checkShape is what the schema says by itself: types, bounds, enums, and that no field
// is unknown (kubectl asks for that, by --validate=strict).
func (s apiServer) checkShape(object map[string]any) error {
	errs := validation.ValidateCustomResource(nil, object, s.shape)
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, unknown := range pruning.PruneWithOptions(runtime.DeepCopyJSON(object), s.structural, true, options) {
		errs = append(errs, field.Invalid(nil, unknown, "unknown field"))
	}
	return errs.ToAggregate()
}

// check adds the keys of lists and the CEL rules to checkShape.
func (s apiServer) check(tb testing.TB, object map[string]any) error {
	tb.Helper()
	if err := s.checkShape(object); err != nil {
		return err
	}
	errs := listtype.ValidateListSetsAndMaps(nil, s.structural, object)
	violated, _ := s.rules.Validate(tb.Context(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, violated...).ToAggregate()
}

// judgedBeforeTheSchema says whether the API server looks at the field that a fixture has
// wrong before any schema comes in.
func judgedBeforeTheSchema(fixture []byte) bool {
	path, _, _ := strings.Cut(header(fixture, wantLine), ":")
	return slices.Contains([]string{"apiVersion", "kind", "metadata.namespace"}, path)
}

func vetObject(contract cue.Value, object map[string]any) error {
	return contract.Unify(cuecontext.New().Encode(object)).Validate(cue.Concrete(true))
}

// At and beyond every bound of a CRD's schema the CUE contract gives the same verdict.
func TestTheCRDAndTheContractAgreeAtEveryBound(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		server, contract := newAPIServer(t, kind), contract(t, kind)
		all := probes(t, kind, server.structural)
		t.Logf("%d probes", len(all))
		for _, probe := range all {
			crd, cue := server.checkShape(probe.object), vetObject(contract, probe.object)
			if (crd == nil) != (cue == nil) {
				t.Errorf("%s: the CRD says %v, the contract %v", probe.name, crd, cue)
			}
			if (crd == nil) != probe.valid {
				t.Errorf("%s: the CRD says %v", probe.name, crd)
			}
		}
	})
}

// What the API server refuses the templates refuse too, and it accepts what they do.
func TestTheCRDAgreesOnFixtures(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		server, sets := newAPIServer(t, kind), markedSets{}
		for _, file := range glob(t, kind.fixtures+"/*/*.yaml") {
			document := read(t, file)
			var object map[string]any
			if err := yaml.Unmarshal(document, &object); err != nil {
				t.Fatal(err)
			}
			_, rendering := kind.render(templatesOf(t, document), document)
			shape, all := server.checkShape(object), server.check(t, object)
			if all != nil && rendering == nil {
				t.Errorf("%s renders, and the API server says: %v", file, all)
			}
			byContract := rendering != nil && len(sets.rulesBroken(t, kind, document)) == 0
			if byContract && shape == nil && all == nil && !judgedBeforeTheSchema(document) {
				t.Errorf("%s passes the API server, and the contract says: %v", file, rendering)
			}
		}
	})
}
