// Command nufi-apiserver serves NuFi's REST API. See --help for its flags, and package
// apiserver/api for what it serves.
package main

import (
	"context"
	"os"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/internal/templates"
)

func main() {
	templates.RunIfChild()
	os.Exit(program.Run(newCommand(func(ctx context.Context, f flags) error { return run(ctx, f, listenTCP) })))
}
