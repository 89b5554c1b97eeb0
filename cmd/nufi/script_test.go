package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudaji/nufi/test/harness"
)

func TestMain(m *testing.M) {
	nufi := func() { os.Exit(run(os.Args)) }
	testscript.Main(harness.Runner(m, harness.Routes()), map[string]func(){"nufi": nufi, pluginName: nufi, completionName: nufi})
}

// TestCommandLine runs the scripts in testdata/script: commands with their input and output.
// UPDATE_SCRIPTS=1 rewrites the expected output.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts(t, "testdata/script/*.txtar", nil))
}

// TestCommandLineAgainstACluster runs the scripts in testdata/cluster, each in a namespace of
// its own on a real API server.
func TestCommandLineAgainstACluster(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cluster/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			h := harness.New(t)
			testscript.Run(t, scripts(t, file, map[string]string{
				"KUBECONFIG": h.Cluster().KubeconfigPath(),
				"KUBECTL":    h.Cluster().KubectlPath(),
				"NAMESPACE":  h.Namespace,
			}))
		})
	}
}

func scripts(t *testing.T, pattern string, variables map[string]string) testscript.Params {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Files:         files,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPOSITORY", repository)
			for name, value := range variables {
				env.Setenv(name, value)
			}
			return nil
		},
	}
}
