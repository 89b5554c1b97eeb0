package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// chromium is Debian's browser with one tab, driven by the DevTools protocol over two pipes.
type chromium struct {
	commands io.Writer
	answers  *bufio.Reader
	session  string // of the tab
	last     int    // ID of the last command
}

// openPage opens a page in a browser, which ends with the step. It returns nil if there is no browser.
func (n *node) openPage(url string) *chromium {
	n.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		n.Log("no page is opened: ", err)
		return nil
	}
	theirCommands, commands, err := os.Pipe()
	if err != nil {
		n.Fatal(err)
	}
	answers, theirAnswers, err := os.Pipe()
	if err != nil {
		n.Fatal(err)
	}
	process := exec.CommandContext(n.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--remote-debugging-pipe", "--user-data-dir="+n.path("chromium"))
	process.Env = append(os.Environ(), "HOME="+n.folder)
	process.ExtraFiles = []*os.File{theirCommands, theirAnswers} // 3 and 4, as the protocol requires
	if err := process.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed
		_ = errors.Join(commands.Close(), answers.Close())
	})
	if err := errors.Join(theirCommands.Close(), theirAnswers.Close()); err != nil {
		n.Fatal(err)
	}
	c := &chromium{commands: commands, answers: bufio.NewReader(answers)}
	if err := c.open(url); err != nil {
		n.Fatal("opening a page: ", err)
	}
	return c
}

func (c *chromium) open(url string) error {
	var target struct {
		TargetID string `json:"targetId"`
	}
	if err := c.call("Target.createTarget", map[string]any{"url": url}, &target); err != nil {
		return err
	}
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	err := c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	return err
}

// call sends a command and reads messages, which end with a zero byte, until its answer.
func (c *chromium) call(method string, params map[string]any, result any) error {
	c.last++
	command := map[string]any{"id": c.last, "method": method, "params": params}
	if c.session != "" {
		command["sessionId"] = c.session
	}
	text, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := c.commands.Write(append(text, 0)); err != nil {
		return err
	}
	for {
		message, err := c.answers.ReadBytes(0)
		if err != nil {
			return err
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), &answer); err != nil {
			return err
		}
		switch {
		case answer.ID != c.last: // an event
		case answer.Error != nil:
			return errors.New(method + ": " + answer.Error.Message)
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// awaitTrue waits until an expression is true in the page, if there is one.
func (n *node) awaitTrue(c *chromium, expression string) {
	n.Helper()
	if c == nil {
		return
	}
	n.await(apiServer, "a page with "+expression, func(context.Context) error {
		var evaluated struct {
			Result           struct{ Value any }
			ExceptionDetails any
		}
		err := c.call("Runtime.evaluate", map[string]any{"expression": "Boolean(" + expression + ")", "returnByValue": true}, &evaluated)
		if err == nil && evaluated.Result.Value != true {
			err = fmt.Errorf("it is %v, %v", evaluated.Result.Value, evaluated.ExceptionDetails)
		}
		return err
	})
}
