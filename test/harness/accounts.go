package harness

import "k8s.io/client-go/rest"

// systemNamespace is where bundle/ installs NuFi.
const systemNamespace = "nufi-system"

// ControllerAccount is the controller's service account.
func ControllerAccount() User { return ServiceAccount(systemNamespace, "nufi-controller") }

// ControllerConfig returns the access of the controller's service account, with the rights
// that bundle/ grants and no others.
func (h *Harness) ControllerConfig() *rest.Config {
	h.Helper()
	h.Install("bundle/namespace.yaml", "bundle/rbac/service_account.yaml", "bundle/rbac/role.yaml",
		"bundle/rbac/role_binding.yaml", "bundle/rbac/leader_election.yaml", "bundle/rbac/stored_templates.yaml",
		"bundle/rbac/project_roles.yaml", "bundle/rbac/picker_role.yaml")
	account := ControllerAccount()
	h.AwaitAllowed(account, "list dudaji.com/npudeploys", "")
	h.AwaitAllowed(account, "update coordination.k8s.io/leases", systemNamespace)
	h.AwaitAllowed(account, "create apps/controllerrevisions", systemNamespace)
	return h.ConfigAs(account.Name, account.Groups...)
}

// APIServerConfig returns the access of the service account of NuFi's API server, with the
// rights that bundle/ grants and no others.
func (h *Harness) APIServerConfig() *rest.Config {
	h.Helper()
	h.Install("bundle/namespace.yaml", "bundle/apiserver/service_account.yaml", "bundle/apiserver/role.yaml", "bundle/apiserver/role_binding.yaml")
	h.AwaitAllowed(ServiceAccount(systemNamespace, "nufi-apiserver"), "list dudaji.com/npudeploys", "")
	return h.ConfigWithToken(h.Token(systemNamespace, "nufi-apiserver"))
}
