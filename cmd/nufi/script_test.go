package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nufi": func() {
			os.Exit(report(os.Stderr, newCommand().ExecuteContext(context.Background())))
		},
	})
}

// TestCommandLine runs the scripts in testdata/script: each shows commands, their input
// and what they print. UPDATE_SCRIPTS=1 rewrites what they compare with.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	repository, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPOSITORY", repository+"/../..")
			return nil
		},
	})
}
