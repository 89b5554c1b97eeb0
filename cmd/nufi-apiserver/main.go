// Command nufi-apiserver serves NuFi's REST API. See --help for its flags, and package
// apiserver/api for what it serves.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand(run).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nufi-apiserver:", err)
		os.Exit(1)
	}
}
