package templates

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing/fstest"
	"time"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
)

// ValidateCommand is the argument with which a program that calls Judge or Plan must call
// JudgeMain, and nothing else.
const ValidateCommand = "validate-templates"

// Bounds of the child.
const (
	// judgeLimit is how long a candidate may take: a thousand times what ours takes.
	judgeLimit = time.Minute
	// maxProcessors are those that it renders on. The stack of each one's thread, and what is
	// rendered there, count as its memory.
	maxProcessors = 8
	// maxAnswer and maxLastWords are how much it may say, in bytes.
	maxAnswer    = 8 << 20
	maxLastWords = 1 << 10
)

var (
	errTooSlow = fmt.Errorf("evaluating took more than %s", judgeLimit)
	errTooLong = errors.New("the output is too long")
)

// task is what the child reads on stdin.
type task struct {
	Candidate map[string]string `json:"candidate"`
	// Serving is set where the two are to be compared, and the candidate not judged by what is live.
	Serving map[string]string `json:"serving,omitempty"`
	Live    Live              `json:"live"`
	// Facts are those of the namespaces of what is compared.
	Facts map[string]render.ProjectSettings `json:"facts,omitempty"`
}

// answer is what it writes on stdout.
type answer struct {
	Faults []Violation `json:"faults,omitempty"`
	Plan   *plan.Plan  `json:"plan,omitempty"`
}

// run has a child do the task: this very program again, which is ended after a minute. A
// child that ends otherwise than by an answer is the candidate's fault.
func run(ctx context.Context, t task) (*answer, error) {
	input, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("writing the task: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, judgeLimit, errTooSlow)
	defer cancel()
	child := exec.CommandContext(ctx, program, ValidateCommand) //nolint:gosec // This very program.
	output, lastWords := &bounded{left: maxAnswer, full: errTooLong}, &bounded{left: maxLastWords}
	child.Stdin, child.Stdout, child.Stderr, child.WaitDelay = bytes.NewReader(input), output, lastWords, time.Second
	// Nothing of our environment is in reach of a candidate.
	child.Env = []string{fmt.Sprint("GOMAXPROCS=", min(runtime.GOMAXPROCS(0), maxProcessors))}
	if err := child.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		reason, _, _ := strings.Cut(string(lastWords.text), "\n")
		if output.left == 0 {
			reason = errTooLong.Error()
		}
		return nil, &RejectedError{Violations: []Violation{{Message: fmt.Sprintf("evaluating ended with %v: %s", err, reason)}}}
	}
	return read(output.text)
}

func read(text []byte) (*answer, error) {
	said := &answer{}
	if err := json.Unmarshal(text, said); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(said.Faults) > 0 {
		return nil, &RejectedError{Violations: said.Faults}
	}
	return said, nil
}

// bounded keeps the beginning of what is written to it. What is beyond is refused, or is
// lost where full is nil.
type bounded struct {
	text []byte
	left int
	full error
}

func (b *bounded) Write(text []byte) (int, error) {
	kept := text[:min(len(text), b.left)]
	b.text, b.left = append(b.text, kept...), b.left-len(kept)
	if len(kept) < len(text) && b.full != nil {
		return len(kept), b.full
	}
	return len(text), nil
}

// ValidateMain is the child: it reads a task and writes what came of it. It returns the exit
// code.
func ValidateMain(in io.Reader, out io.Writer) int {
	if err := serve(in, out); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(in io.Reader, out io.Writer) error {
	if err := limitMemory(); err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	return json.NewEncoder(out).Encode(perform(t))
}

func perform(t task) answer {
	if t.Serving != nil {
		return compare(files(t.Serving), files(t.Candidate), t.Live, t.Facts)
	}
	return answer{Faults: verdict(files(t.Candidate), t.Live)}
}

// contents are the CUE files of a set, as a task has them.
func contents(set fs.FS) (map[string]string, error) {
	texts := map[string]string{}
	err := fs.WalkDir(set, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(set, name)
		texts[name] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	return texts, nil
}

func files(texts map[string]string) fs.FS {
	files := fstest.MapFS{}
	for name, content := range texts {
		files[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o444}
	}
	return files
}
