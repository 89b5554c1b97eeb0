package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// A permission that is missing would fail the tests of the routes, which use this role.
func TestImpersonationIsLimitedToTheNeedsOfRoutes(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	want := slices.DeleteFunc(s.API.Needs(), func(need string) bool {
		return need == "watch dudaji.com/npudeploys" // is only reviewed: the server watches with its own identity
	})
	for _, review := range []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews"} {
		want = append(want, "create authorization.k8s.io/"+review)
	}
	var got []string
	for document := range strings.SplitSeq(s.File("bundle/apiserver/role.yaml"), "---\n") {
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict([]byte(document), role); err != nil {
			t.Fatal(err)
		}
		got = append(got, impersonated(role)...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-routes +role):\n%s", diff)
	}
}

// impersonated returns the permissions that a role grants by constrained impersonation.
func impersonated(role *rbacv1.ClusterRole) []string {
	var all []string
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			verb, as := strings.CutPrefix(verb, "impersonate-on:user-info:")
			for _, resource := range rule.Resources {
				if as {
					all = append(all, verb+" "+rule.APIGroups[0]+"/"+resource)
				}
			}
		}
	}
	return all
}
