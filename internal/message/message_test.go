package message_test

import (
	"strings"
	"testing"

	"github.com/dudaji/nufi/internal/message"
)

func TestLineIsOneBoundedLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"joins lines":                    {"first\n\n\tsecond\r\n", "first second"},
		"removes colors":                 {"\x1b[1;31mred\x1b[0m and \x1b[", "red and"},
		"replaces control characters":    {"a\x00b\x7fc\u0085d", "a b c d"},
		"removes bidirectional controls": {"safe \u202egnp.exe\u2066", "safe gnp.exe"},
		"replaces invalid UTF-8":         {"\xff\xfe", "?"},
		"truncates":                      {strings.Repeat("x", 2000), strings.Repeat("x", 1021) + "…"},
		"truncates between characters":   {strings.Repeat("가", 400), strings.Repeat("가", 340) + "…"},
		"keeps what fits":                {strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		"keeps other scripts":            {"모델이 없습니다", "모델이 없습니다"},
		"returns nothing for no text":    {"\x1b[31m\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := message.Line(test.text, 1024); got != test.want {
				t.Errorf("Line(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}
