package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/dudaji/nufi/internal/cluster"
)

const (
	apiAddress    = "127.0.0.1:8090"
	apiOpsAddress = "127.0.0.1:8091"
	// viewer is the user of requests without a token.
	viewer = "viewer"
)

// apiAccess is the kubeconfig of the API server's ServiceAccount.
const apiAccess = `
apiVersion: v1
kind: Config
clusters: [{name: nufi, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: nufi-apiserver, user: {token: %q}}]
contexts: [{name: nufi, context: {cluster: nufi, user: nufi-apiserver}}]
current-context: nufi
`

// startAPIServer starts the API server with the permissions of the bundle only.
func (n *node) startAPIServer() {
	n.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		n.Fatal(err)
	}
	for _, file := range []string{
		"namespace.yaml", "rbac/user_roles.yaml",
		"apiserver/service_account.yaml", "apiserver/role.yaml", "apiserver/role_binding.yaml",
	} {
		n.kubectl("apply", "-f", filepath.Join(root, "bundle", file))
	}
	n.kubectl("create", "rolebinding", viewer, "--clusterrole=view", "--user="+viewer)
	token := strings.TrimSpace(n.kubectl("create", "token", apiServer, "--namespace=nufi-system"))
	access := n.write("apiserver.kubeconfig", fmt.Sprintf(apiAccess, n.cluster.RESTConfig().Host, n.authority(), token))
	n.launch(apiServer, "--kubeconfig="+access, "--dev-auth="+viewer,
		"--bind-address="+apiAddress, "--metrics-bind-address="+apiOpsAddress)
	n.await(apiServer, "the API server", func(ctx context.Context) error {
		return get(ctx, "http://"+apiOpsAddress+"/readyz", nil)
	})
}

// log requests a log of the first NpuDeploy, as the viewer if the token is empty.
func (n *node) log(query, accept, token string) (status int, body io.Reader) {
	n.Helper()
	url := "http://" + apiAddress + "/api/v1/namespaces/" + namespace + "/npudeploys/first/logs?" + query
	request, err := http.NewRequestWithContext(n.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		n.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = response.Body.Close() })
	return response.StatusCode, response.Body
}

// page returns a page of the dashboard as the viewer.
func (n *node) page(url string) string {
	n.Helper()
	request, err := http.NewRequestWithContext(n.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		n.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = response.Body.Close() })
	return n.rest(response.Body)
}

// text returns a log that the viewer requests.
func (n *node) text(query string) string {
	n.Helper()
	status, body := n.log(query, "text/plain", "")
	text := n.rest(body)
	if status != http.StatusOK {
		n.Fatalf("the log is not returned: %s\nthe log of %s ends:\n%s", text, kubeletName, n.tail(kubeletName))
	}
	return text
}

// rest reads the rest of a response, and fails if it is incomplete.
func (n *node) rest(body io.Reader) string {
	n.Helper()
	text, err := io.ReadAll(body)
	if err != nil {
		n.Fatalf("the log broke off: %v\nthe log of %s ends:\n%s", err, apiServer, n.tail(apiServer))
	}
	return string(text)
}
