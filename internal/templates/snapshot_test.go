package templates

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
)

func TestPackedTemplatesAreTheSame(t *testing.T) {
	t.Parallel()
	module := nufi.Module()
	packed, err := Pack(module)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	want, wantErr := render.Digest(module)
	got, gotErr := render.Digest(unpacked)
	if got != want || wantErr != nil || gotErr != nil {
		t.Errorf("digest %s (%v), want %s (%v)", got, gotErr, want, wantErr)
	}
	if len(packed) > maxPacked/4 {
		t.Errorf("the compiled-in templates have %d bytes, which leaves little room for changes", len(packed))
	}
}

func TestTemplatesThatCannotBeStoredAreRejected(t *testing.T) {
	t.Parallel()
	dir, _, _ := settledFolder(t)
	random := make([]byte, 2*maxPacked)
	_, _ = rand.Read(random)
	comment := "// " + base64.StdEncoding.EncodeToString(random) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "schemas", "policy", "large.cue"), []byte(comment+"package policy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	candidate, err := Snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = Validate(t.Context(), candidate, Live{})
	if rejected := (*RejectedError)(nil); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "bytes compressed, and may have 1048576") {
		t.Errorf("error %v", err)
	}
}
