package templates

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
)

// ValidateCommand is the argument that starts the child: a program that calls Validate or
// Plan must call RunIfChild or, as a command of its own, ValidateMain.
const ValidateCommand = "validate-templates"

// Bounds of the child.
const (
	// baseTimeout bounds compiling the sets and rendering examples, and specTimeout each
	// live spec: about a hundred times what the compiled-in set takes.
	baseTimeout = time.Minute
	specTimeout = 200 * time.Millisecond
	// maxProcessors bounds the threads, whose stacks count as memory.
	maxProcessors = 8
	// maxOutput and maxStderr are in bytes.
	maxOutput = 8 << 20
	maxStderr = 1 << 10
	// softMemory and hardMemory are in bytes. Above the first, the garbage collector works harder; above the second,
	// the child ends. The limit of the container in the bundle is 128 MiB above the controller's GOMEMLIMIT, to leave
	// memory for the child.
	softMemory = 112 << 20
	hardMemory = 256<<20 + threadStacks
	// gcPercent is high because almost everything that a render allocates is garbage afterwards.
	gcPercent = 400
)

var errOutputTooLarge = errors.New("the output is too long")

// request is what the child reads on stdin.
type request struct {
	Candidate []byte `json:"candidate"` // packed
	// Serving is set for a comparison of the two sets.
	Serving []byte `json:"serving,omitempty"` // packed
	Live    Live   `json:"live"`
	// Settings are by namespace, for a comparison.
	Settings map[string]render.ProjectSettings `json:"settings,omitempty"`
}

// timeout grows with the number of specs, so that a candidate is not rejected because the cluster is large.
func (r request) timeout() time.Duration {
	return baseTimeout + time.Duration(len(r.Live.Deploys)+len(r.Live.Projects))*specTimeout
}

// response is what the child writes on stdout.
type response struct {
	Violations []render.Violation `json:"violations,omitempty"`
	Plan       *plan.Plan         `json:"plan,omitempty"`
}

// runChild sends req to a child, this program with ValidateCommand. A child that does not
// respond is a violation of the candidate; one that cannot be started is not.
func runChild(ctx context.Context, req request) (*response, error) {
	input, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	limit := req.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("evaluating took more than %s", limit))
	defer cancel()
	child := exec.CommandContext(ctx, program, ValidateCommand) //nolint:gosec // This very program.
	stdout, stderr := &limitedBuffer{left: maxOutput, err: errOutputTooLarge}, &limitedBuffer{left: maxStderr}
	child.Stdin, child.Stdout, child.Stderr, child.WaitDelay = bytes.NewReader(input), stdout, stderr, time.Second
	// A candidate must not reach our environment.
	child.Env = []string{fmt.Sprint("GOMAXPROCS=", min(runtime.GOMAXPROCS(0), maxProcessors))}
	if err := child.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if child.Process == nil {
			return nil, &undecidedError{err}
		}
		reason, _, _ := strings.Cut(string(stderr.text), "\n")
		if stdout.left == 0 {
			reason = errOutputTooLarge.Error()
		}
		return nil, &RejectedError{Violations: []render.Violation{{Message: fmt.Sprintf("evaluating ended with %v: %s", err, reason)}}}
	}
	return readResponse(stdout.text)
}

func readResponse(text []byte) (*response, error) {
	resp := &response{}
	if err := json.Unmarshal(text, resp); err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	if len(resp.Violations) > 0 {
		return nil, &RejectedError{Violations: resp.Violations}
	}
	return resp, nil
}

// limitedBuffer keeps the beginning of what is written to it. A write beyond it fails with
// err, or is discarded if err is nil.
type limitedBuffer struct {
	text []byte
	left int
	err  error
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(text []byte) (int, error) {
	kept := text[:min(len(text), b.left)]
	b.text, b.left = append(b.text, kept...), b.left-len(kept)
	if len(kept) < len(text) && b.err != nil {
		return len(kept), b.err
	}
	return len(text), nil
}

// RunIfChild runs the child and exits if this process was started as one, and returns
// otherwise. A program calls it first.
func RunIfChild() {
	if len(os.Args) == 2 && os.Args[1] == ValidateCommand {
		os.Exit(ValidateMain(os.Stdin, os.Stdout))
	}
}

// ValidateMain is the child: it reads a request and writes the response. It returns the exit
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
	var req request
	if err := json.NewDecoder(in).Decode(&req); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	resp, err := respond(req)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(resp)
}

// limitMemory bounds the memory of this process. Linux counts all private, writable memory
// as RLIMIT_DATA; elsewhere only the timeout bounds it.
func limitMemory() error {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(softMemory)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: hardMemory, Max: hardMemory})
}

func respond(req request) (response, error) {
	candidate, err := Unpack(req.Candidate)
	if err != nil {
		return response{}, err
	}
	if req.Serving == nil {
		return response{Violations: validate(candidate, req.Live)}, nil
	}
	serving, err := Unpack(req.Serving)
	if err != nil {
		return response{}, err
	}
	return compare(serving, candidate, req.Live, req.Settings), nil
}
