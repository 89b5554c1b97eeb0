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
	"strings"
	"testing/fstest"
	"time"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// JudgeCommand is the argument with which a program that calls Judge must call
// JudgeMain, and nothing else.
const JudgeCommand = "judge-templates"

// judgeLimit is how long a candidate may take: a thousand times what ours takes.
const judgeLimit = time.Minute

var errTooSlow = fmt.Errorf("evaluating took more than %s", judgeLimit)

// task is what the child reads on stdin.
type task struct {
	Files map[string]string `json:"files"`
	Live  Live              `json:"live"`
}

// Live is what the cluster has of our kinds.
type Live struct {
	Deploys  []v1.NpuDeploy `json:"deploys"`
	Projects []v1.Project   `json:"projects"`
}

// Judge says what is wrong with candidate, or nil: whether it compiles, renders the
// examples and renders what is live. It runs this very program again as a child, and ends it
// after a minute.
func Judge(ctx context.Context, candidate fs.FS, live Live) error {
	input, err := encodeTask(candidate, live)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, judgeLimit, errTooSlow)
	defer cancel()
	child := exec.CommandContext(ctx, program, JudgeCommand) //nolint:gosec // This very program.
	var output bytes.Buffer
	child.Stdin, child.Stdout, child.WaitDelay = input, &output, time.Second
	if err := child.Run(); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if faults := strings.TrimSpace(output.String()); faults != "" {
		return errors.New(faults)
	}
	return fmt.Errorf("judging the templates: the child process ended with %s", child.ProcessState)
}

// JudgeMain is the child: it reads a task and returns the exit code, 0 for a good
// candidate. What is wrong goes to out, a line each.
func JudgeMain(in io.Reader, out io.Writer) int {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		_, _ = fmt.Fprintln(out, "reading the task:", err)
		return 1
	}
	files := fstest.MapFS{}
	for name, content := range t.Files {
		files[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o444}
	}
	if err := verdict(files, t.Live); err != nil {
		_, _ = fmt.Fprintln(out, err)
		return 1
	}
	return 0
}

func encodeTask(candidate fs.FS, live Live) (io.Reader, error) {
	t := task{Files: map[string]string{}, Live: live}
	err := fs.WalkDir(candidate, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(candidate, name)
		t.Files[name] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	var input bytes.Buffer
	if err := json.NewEncoder(&input).Encode(t); err != nil {
		return nil, fmt.Errorf("writing the task: %w", err)
	}
	return &input, nil
}
