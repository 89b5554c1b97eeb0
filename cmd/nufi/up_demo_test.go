package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The edits are of text: they fail when the policy is written in another way.
func TestPolicyIsEditedForDemoAndKEDA(t *testing.T) {
	t.Parallel()
	u := &up{upOptions: upOptions{dir: t.TempDir(), demoRollout: true, with: []string{"keda"}}}
	flags, err := u.prepareTemplates("http://127.0.0.1:1")
	if err != nil || len(flags) != 1 || flags[0] != "--templates="+u.templates() {
		t.Fatalf("the flags are %q, error %v", flags, err)
	}
	policy, err := os.ReadFile(filepath.Join(u.templates(), policyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"healthySeconds:  5\n", `total: "30%", perProject: 2`, "shares: [30, 100]", // demoChange
		`autoscaler:       "ScaledObject"`, `prometheusURL:    "http://127.0.0.1:1"`, // kedaPolicy
	} {
		if !strings.Contains(string(policy), part) {
			t.Errorf("the policy lacks %s", part)
		}
	}
	if _, after, err := u.editPolicy(demoError()); err != nil || after == "" {
		t.Errorf("the error changes no line: %v", err)
	}
}

func TestPolicyIsNotEditedOtherwise(t *testing.T) {
	t.Parallel()
	u := &up{upOptions: upOptions{dir: t.TempDir(), with: []string{"lws"}}}
	if flags, err := u.prepareTemplates(""); len(flags) != 0 || err != nil {
		t.Errorf("the flags are %q, error %v", flags, err)
	}
}
