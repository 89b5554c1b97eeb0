package cluster

import (
	_ "embed"
	"os"
)

//go:embed stages.yaml
var stages []byte

// writeStages puts the stages where KWOK looks for its configuration.
func writeStages(dir string) error {
	return full(os.WriteFile(stagesPath(dir), stages, 0o600))
}
