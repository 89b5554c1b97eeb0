package api_test

import (
	"bufio"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/dudaji/nufi/apiserver/api"
)

// Whatever comes, and in whatever pieces, all of it arrives, in blocks of bounded size that
// break no rune.
func TestALogComesWholeInBoundedBlocks(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":          "",
		"lines":            "one\ntwo\n\nfour\n",
		"no end":           "one\ntwo",
		"a long line":      strings.Repeat("x", 3*api.MaxLine+5) + "\nnext\n",
		"a long line of 가": "." + strings.Repeat("가", api.MaxLine) + "\n",
		"no text at all":   strings.Repeat("\x80\xff", api.MaxLine),
	} {
		blocks := bufio.NewScanner(iotest.HalfReader(strings.NewReader(text)))
		blocks.Buffer(nil, api.MaxLine)
		blocks.Split(api.Block)
		var all strings.Builder
		for blocks.Scan() {
			all.Write(blocks.Bytes())
			if utf8.ValidString(text) && !utf8.Valid(blocks.Bytes()) {
				t.Errorf("%s: a rune is broken", name)
			}
		}
		if blocks.Err() != nil || all.String() != text {
			t.Errorf("%s: %v, %d of %d bytes", name, blocks.Err(), all.Len(), len(text))
		}
	}
}
