package render_test

import (
	"encoding/json"
	"reflect"
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

// apiServer validates specs as an API server with our CRD does.
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

// checkShape checks the schema alone: types, bounds, enums, and unknown fields (as kubectl
// requests with --validate=strict).
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

// isRejectedBeforeTheSchema reports whether the API server checks the invalid field of a
// fixture before it applies a schema.
func isRejectedBeforeTheSchema(fixture []byte) bool {
	path, _, _ := strings.Cut(header(fixture, wantLine), ":")
	return path == "apiVersion" || path == "kind" || strings.HasPrefix(path, "metadata.") && path != "metadata.name"
}

func vetObject(contract cue.Value, object map[string]any) error {
	return contract.Unify(cuecontext.New().Encode(object)).Validate(cue.Concrete(true))
}

func TestCRDAndContractAgreeAtEveryBound(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		server, contract := newAPIServer(t, kind), contract(t, kind)
		all := probes(t, kind, server.structural)
		t.Logf("%d probes", len(all))
		for _, probe := range all {
			crd, cue := server.checkShape(probe.object), vetObject(contract, probe.object)
			if (crd == nil) != (cue == nil) {
				t.Errorf("%s: the CRD returns %v, the contract %v", probe.name, crd, cue)
			}
			if (crd == nil) != probe.valid {
				t.Errorf("%s: the CRD returns %v", probe.name, crd)
			}
		}
	})
}

// One object that cannot be decoded makes each list of its kind fail.
func TestClientsDecodeWhatTheCRDAccepts(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		server := newAPIServer(t, kind)
		for _, probe := range probes(t, kind, server.structural) {
			if server.checkShape(probe.object) != nil {
				continue
			}
			spec, err := json.Marshal(probe.object["spec"])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(spec, reflect.New(kind.spec).Interface()); err != nil {
				t.Errorf("%s is accepted, and clients return: %v", probe.name, err)
			}
		}
	})
}

func TestCRDAndTemplatesAgreeOnFixtures(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		server, sets := newAPIServer(t, kind), numberedSets{}
		for _, file := range glob(t, kind.fixtures+"/*/*.yaml") {
			document := read(t, file)
			var object map[string]any
			if err := yaml.Unmarshal(document, &object); err != nil {
				t.Fatal(err)
			}
			_, rendering := kind.render(templatesOf(t, document), document)
			shape, all := server.checkShape(object), server.check(t, object)
			if all != nil && rendering == nil {
				t.Errorf("%s renders, and the API server returns: %v", file, all)
			}
			byContract := rendering != nil && len(sets.rulesBroken(t, kind, document)) == 0
			if byContract && shape == nil && all == nil && !isRejectedBeforeTheSchema(document) {
				t.Errorf("%s passes the API server, and the contract returns: %v", file, rendering)
			}
		}
	})
}
