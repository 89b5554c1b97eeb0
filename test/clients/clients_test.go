package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/oapi-codegen/runtime" // of the generated client

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	harness.Main(m)
}

// Each client takes a deployment through its life against a controller and an API server.
func TestGeneratedClientsTakeADeploymentThroughItsLife(t *testing.T) {
	h := harness.New(t)
	h.Install("bundle/rbac/project_roles.yaml")
	h.Bind("nufi-project-editor", h.Namespace, "ann")
	h.AwaitAllowed(harness.User{Name: "ann"}, "create dudaji.com/npudeploys", h.Namespace)
	controllertest.Start(h, controller.Options{})
	server := apitest.Start(h)
	document := server.Do("ann", "GET", "/openapi.json", "").Want(200).Body
	if err := os.MkdirAll("generated", 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("generated/openapi.json", document, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, commands := range map[string][][]string{
		"redocly": {{"npx", "redocly", "lint", "generated/openapi.json"}},
		"TypeScript": {
			{"npx", "openapi-typescript", "generated/openapi.json", "--output", "generated/api.d.ts"},
			{"npx", "tsc"},
			{"node", "generated/lifecycle.js"},
		},
		"Go": {
			{"go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "main", "-o", "testdata/lifecycle/client.gen.go", "generated/openapi.json"},
			{"go", "run", "./testdata/lifecycle"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range commands {
				run(t, server, command)
			}
		})
	}
}

// run runs a command with the address of the server and a user's token.
func run(t *testing.T, server *apitest.Server, command []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // The commands of the test.
	cmd.Env = append(os.Environ(), "NUFI_URL="+server.URL, "NUFI_TOKEN=ann", "NUFI_NAMESPACE="+server.Namespace)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Join(command...), err, output)
	}
}
