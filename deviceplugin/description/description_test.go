package description_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/test/harness/golden"
)

func TestX330DescriptionIsValidAndFastEnough(t *testing.T) {
	d, err := description.X330()
	if err != nil {
		t.Fatal(err)
	}
	if d.Resource != "sapeon.com/snx3" || d.PCI.Vendor != "0x1f56" {
		t.Errorf("got %s of vendor %s", d.Resource, d.PCI.Vendor)
	}
	worst := time.Duration(d.Health.Fail.Bad) * d.Health.Interval.Duration
	if worst+d.Health.Fail.Dwell.Duration > 1500*time.Millisecond {
		t.Errorf("a failure is reported after %s, which leaves too little of two seconds", worst)
	}
}

func TestValidDescriptionsAreAccepted(t *testing.T) {
	for _, file := range glob(t, "testdata/valid/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := description.Load(file); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOmittedFieldsGetDefaults(t *testing.T) {
	d, err := description.Load("testdata/valid/smallest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := d.Health
	got := []any{h.Interval.Duration, h.Timeout.Duration, h.Rescan.Duration, h.StaleAfter.Duration, h.ForgetAfter.Duration, h.Fail.Bad, h.Fail.Of, h.Recover.Good, h.Recover.Dwell.Duration, d.Preparation.Timeout.Duration}
	want := []any{500 * time.Millisecond, 2 * time.Second, 5 * time.Second, 30 * time.Second, 10 * time.Minute, 2, 3, 5, 10 * time.Second, 20 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRecoveryWithoutDwellIsAccepted(t *testing.T) {
	d, err := description.Load("testdata/valid/atom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Health.Recover.Dwell.Duration; got != 0 {
		t.Errorf("0s became %s", got)
	}
}

func TestInvalidDescriptionsReportTheField(t *testing.T) {
	for _, c := range golden.Cases(t, "testdata/invalid/*.txtar", "error") {
		t.Run(c.Name, func(t *testing.T) {
			_, err := description.Parse(c.Input())
			if err == nil {
				t.Fatal("was accepted")
			}
			c.Compare(t, err.Error()+"\n")
		})
	}
}

func TestLoadReportsAMissingFile(t *testing.T) {
	_, err := description.Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range glob(f, "testdata/valid/*.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := description.Parse(data)
		if err != nil {
			return
		}
		if d.Health.Fail.Bad > d.Health.Fail.Of || d.Health.Interval.Duration <= 0 {
			t.Errorf("accepted thresholds that cannot be reached: %+v", d.Health)
		}
	})
}

func glob(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		tb.Fatalf("no files match %s: %v", pattern, err)
	}
	return files
}
