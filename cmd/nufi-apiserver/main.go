// Command nufi-apiserver serves NuFi's REST API. See --help for its flags, and package
// apiserver/api for what it serves.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/dudaji/nufi/controller/templates"
)

func main() {
	// The server runs itself to judge a candidate set of templates.
	if len(os.Args) == 2 && os.Args[1] == templates.JudgeCommand {
		os.Exit(templates.JudgeMain(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand(run).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nufi-apiserver:", err)
		os.Exit(1)
	}
}
