// Command nufi-controller reconciles NpuDeploys and Projects. See --help
// for its flags, and package controller for what it does.
package main

import (
	"os"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/internal/templates"
)

func main() {
	templates.RunIfChild()
	os.Exit(program.Run(newCommand(run)))
}
