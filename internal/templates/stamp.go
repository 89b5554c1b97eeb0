package templates

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// settled is how old a change has to be before a file's time tells it from the next one:
// file systems count in steps, of up to two seconds.
const settled = 2 * time.Second

// stamp changes with the CUE files below dir, and costs no read of them: it is the
// revision in use, and each file's name, size and time. It is empty, and says nothing,
// where a file changed a moment ago or cannot be looked at.
func stamp(dir string, now time.Time) string {
	dir = revision(dir)
	text := strings.Builder{}
	text.WriteString(dir)
	isSettled := true
	err := walk(dir, func(name string) error {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))) // A link's file, not the link.
		if err != nil {
			return err
		}
		isSettled = isSettled && now.Sub(info.ModTime()) > settled
		_, err = fmt.Fprintf(&text, "\n%s %d %d", name, info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil || !isSettled {
		return ""
	}
	return text.String()
}
