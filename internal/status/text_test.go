package status_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestAMessageIsOneBoundedLine(t *testing.T) {
	for name, test := range map[string]struct{ given, want string }{
		"lines are joined":                     {"first\n\n\tsecond\r\n", "first second"},
		"colours go":                           {"\x1b[1;31mred\x1b[0m and \x1b[", "red and"},
		"other control characters are blanks":  {"a\x00b\x7fc\u0085d", "a b c d"},
		"text cannot be reordered":             {"safe \u202egnp.exe\u2066", "safe gnp.exe"},
		"what is no text is marked":            {"\xff\xfe", "?"},
		"what is long is cut":                  {strings.Repeat("x", 2000), strings.Repeat("x", 1021) + "…"},
		"no character is cut":                  {strings.Repeat("가", 400), strings.Repeat("가", 340) + "…"},
		"what just fits stays":                 {strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		"other languages stay as they are":     {"모델이 없습니다", "모델이 없습니다"},
		"a message that says nothing is empty": {"\x1b[31m\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			judged := status.Evaluate(status.Observed{
				Deploy: &v1.NpuDeploy{},
				Render: status.Outcome{Reason: v1.ReasonInvalidSpec, Message: test.given},
				Now:    noon(),
			})
			if got := meta.FindStatusCondition(judged.Conditions, v1.ConditionReady).Message; got != test.want {
				t.Errorf("message is %q, want %q", got, test.want)
			}
		})
	}
}
