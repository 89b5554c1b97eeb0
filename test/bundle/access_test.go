package bundle_test

import "github.com/dudaji/nufi/test/harness"

// access is a row of a table of rights: "verb [group/]resource[.subresource]".
type access struct {
	access, namespace string
	want              bool
}

func controllerAccess(h *harness.Harness) {
	children := []string{
		"apps/deployments", "services", "serviceaccounts", "persistentvolumeclaims", "policy/poddisruptionbudgets", "networking.k8s.io/ingresses",
		"resourcequotas", "limitranges", "networking.k8s.io/networkpolicies", "rbac.authorization.k8s.io/rolebindings",
		"networking.istio.io/virtualservices", "gateway.networking.k8s.io/httproutes", "inference.networking.k8s.io/inferencepools", "monitoring.coreos.com/podmonitors",
		"autoscaling/horizontalpodautoscalers", "keda.sh/scaledobjects",
	}
	var table []access
	for _, child := range children {
		for _, verb := range []string{"get", "list", "watch", "create", "patch", "delete"} {
			table = append(table, access{verb + " " + child, "team", true})
		}
		table = append(table, access{"deletecollection " + child, "team", false})
	}
	for _, watched := range []string{"pods", "events", "apps/replicasets", "dudaji.com/npudeploys", "dudaji.com/projects"} {
		table = append(table, access{"watch " + watched, "team", true})
	}
	table = append(table, []access{
		{"watch nodes", "", true},
		{"watch apiextensions.k8s.io/customresourcedefinitions", "", true},
		{"patch dudaji.com/npudeploys.status", "team", true},
		{"create dudaji.com/templaterollouts", "", true},
		{"patch dudaji.com/templaterollouts.status", "", true},
		{"create events.k8s.io/events", "team", true},
		{"create events", namespace, true},
		{"update coordination.k8s.io/leases", namespace, true},
		{"create apps/controllerrevisions", namespace, true},
		{"patch apps/controllerrevisions", "team", true},
		{"create pods.eviction", "team", true},

		{"update coordination.k8s.io/leases", "team", false},
		{"get apps/controllerrevisions", "team", false},
		{"create events", "team", false},
		{"patch dudaji.com/npudeploys", "team", false},
		{"create dudaji.com/npudeploys", "team", false},
		{"delete dudaji.com/npudeploys", "team", false},
		{"get secrets", "team", false},
		{"list secrets", namespace, false},
		{"get configmaps", "team", false},
		{"create pods", "team", false},
		{"delete pods", "team", false},
		{"create pods.exec", "team", false},
		{"create serviceaccounts.token", "team", false},
		{"patch nodes", "", false},
		{"create namespaces", "", true},
		{"patch dudaji.com/projects.status", "", true},

		{"delete namespaces", "", false},
		{"patch dudaji.com/templaterollouts", "", false},
		{"patch dudaji.com/projects", "", false},
		{"create dudaji.com/projects", "", false},
		{"create rbac.authorization.k8s.io/roles", "team", false},
		{"create rbac.authorization.k8s.io/clusterrolebindings", "", false},
		{"bind rbac.authorization.k8s.io/roles", "team", false},
		{"escalate rbac.authorization.k8s.io/clusterroles", "", false},
		{"bind rbac.authorization.k8s.io/clusterroles", "", false},
		{"impersonate users", "", false},
		{"patch apiextensions.k8s.io/customresourcedefinitions", "", false},
		{"create apps/daemonsets", "team", false},
		{"create batch/jobs", "team", false},
	}...)
	for _, row := range table {
		if got := h.Allowed(harness.ControllerAccount(), row.access, row.namespace); got != row.want {
			h.Errorf("%s in %q: allowed %t, want %t", row.access, row.namespace, got, row.want)
		}
	}
}

func userAccess(h *harness.Harness) {
	for role, table := range map[string]map[string]bool{
		"view": {
			"list dudaji.com/npudeploys":       true,
			"create dudaji.com/npudeploys":     false,
			"patch dudaji.com/npudeploys":      false,
			"get dudaji.com/npudeploys.status": true,
		},
		"edit": {
			"list dudaji.com/npudeploys":         true,
			"create dudaji.com/npudeploys":       true,
			"patch dudaji.com/npudeploys.scale":  true,
			"patch dudaji.com/npudeploys.status": false,
		},
		"admin": {
			"delete dudaji.com/npudeploys":       true,
			"patch dudaji.com/npudeploys.status": false,
		},
	} {
		user := harness.User{Name: role + "-user"}
		h.Bind(role, h.Namespace, user.Name)
		for access, want := range table {
			if want {
				h.AwaitAllowed(user, access, h.Namespace) // The controller-manager aggregates the roles.
			} else if h.Allowed(user, access, h.Namespace) {
				h.Errorf("%s: %s is allowed", role, access)
			}
			if h.Allowed(user, access, "default") {
				h.Errorf("%s: %s in another namespace is allowed", role, access)
			}
		}
	}
}
