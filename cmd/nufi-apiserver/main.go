// Command nufi-apiserver serves NuFi's REST API. See --help for its flags, and package
// apiserver/api for what it serves.
package main

import (
	"os"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/internal/templates"
)

func main() {
	// The server runs itself to judge a candidate set of templates.
	if len(os.Args) == 2 && os.Args[1] == templates.ValidateCommand {
		os.Exit(templates.ValidateMain(os.Stdin, os.Stdout))
	}
	os.Exit(program.Run(newCommand(run)))
}
