package render_test

import (
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/encoding/yaml"

	"github.com/dudaji/nufi"
)

// contract returns #NpuDeploy or #Project, as `cue vet -d '#NpuDeploy'` evaluates it.
func contract(tb testing.TB, kind kind) cue.Value {
	tb.Helper()
	instance := load.Instances([]string{kind.folder}, &load.Config{FS: nufi.Module()})[0]
	definition := cuecontext.New().BuildInstance(instance).LookupPath(cue.ParsePath(kind.contract))
	if err := definition.Err(); err != nil {
		tb.Fatal(err)
	}
	return definition
}

// vet runs `cue vet -c -d '#NpuDeploy' ./schemas/npudeploy FILE`.
func vet(tb testing.TB, contract cue.Value, file string) error {
	tb.Helper()
	data, err := yaml.Extract(file, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return contract.Unify(cuecontext.New().BuildFile(data)).Validate(cue.Concrete(true))
}

func TestContractAcceptsValidFixturesAndExamples(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		contract := contract(t, kind)
		for _, file := range append(glob(t, kind.fixtures+"/valid/*.yaml"), glob(t, "../../examples/*/"+kind.example)...) {
			if err := vet(t, contract, file); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
}

// The contract rejects the invalid fixtures that break no rule, with readable messages.
func TestContractRejectsInvalidFixturesWithoutARule(t *testing.T) {
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		contract, sets := contract(t, kind), numberedSets{}
		for _, file := range glob(t, kind.fixtures+"/invalid/*.yaml") {
			t.Run(filepath.Base(file), func(t *testing.T) {
				rules, err := sets.rulesBroken(t, kind, read(t, file)), vet(t, contract, file)
				if (err == nil) != (len(rules) > 0) {
					t.Errorf("the contract returns %v, the rules %v", err, rules)
				}
				if details := cueerrors.Details(err, nil); strings.Contains(details, "empty disjunction") {
					t.Error(details)
				}
			})
		}
	})
}
