package api

import (
	"encoding/json"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
)

// me is who asks, where they may work, and what they may do in one namespace.
type me struct {
	Name     string      `json:"name" doc:"as Kubernetes knows the person"`
	Groups   []string    `json:"groups" doc:"without those that Kubernetes adds by itself"`
	Projects []myProject `json:"projects,omitzero" doc:"those that the person sees, by name; absent where Kubernetes is away and was not asked lately"`
	May      *may        `json:"may,omitempty" doc:"what the person may do in the namespace that was asked for"`
}

type may struct {
	Namespace  string       `json:"namespace" doc:"the namespace that was asked for"`
	Rules      []permission `json:"rules" doc:"what RBAC allows"`
	Incomplete bool         `json:"incomplete" doc:"an authorizer could not list all that it allows"`
}

type permission struct {
	Verbs     []string `json:"verbs" doc:"* is any"`
	Groups    []string `json:"groups" doc:"API groups; * is any"`
	Resources []string `json:"resources" doc:"resources, with /subresource if there is one; * is any"`
	Names     []string `json:"names,omitempty" doc:"absent: any"`
}

func (a *API) meRoutes() []route {
	return []route{{
		Operation: openapi.Operation{
			Method: http.MethodGet, Path: prefix + "/me", Summary: "Who I am",
			Query:   []openapi.Parameter{{Name: "namespace", Doc: "say what I may do there"}},
			Answers: jsonOf(me{}), Status: http.StatusOK,
		},
		serve: a.whoAmI,
	}}
}

func (a *API) whoAmI(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	person := user.User()
	mine, leftOut, err := a.myProjects(r.Context(), user)
	switch {
	case err == nil:
	case kube.Unreachable(err):
		mine, leftOut = nil, true
	default:
		return err
	}
	a.stale(w, a.options.Live.UnreachableSince(live.Projects))
	incomplete(w, leftOut)
	answer := me{Name: person.Name(), Groups: append([]string{}, person.Groups()...), Projects: mine}
	if namespace := r.URL.Query().Get("namespace"); namespace != "" {
		typed, err := user.Kubernetes()
		if err != nil {
			return err
		}
		review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
		rules, err := typed.AuthorizationV1().SelfSubjectRulesReviews().Create(r.Context(), review, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		answer.May = mayIn(namespace, rules.Status)
	}
	return writeJSON(w, http.StatusOK, answer)
}

func mayIn(namespace string, status authorizationv1.SubjectRulesReviewStatus) *may {
	allowed := &may{Namespace: namespace, Rules: []permission{}, Incomplete: status.Incomplete}
	for _, rule := range status.ResourceRules {
		allowed.Rules = append(allowed.Rules, permission{
			Verbs: rule.Verbs, Groups: rule.APIGroups, Resources: rule.Resources, Names: rule.ResourceNames,
		})
	}
	return allowed
}

// jsonOf is content of one type, as JSON.
func jsonOf(schema any) openapi.Content {
	return openapi.Content{Types: []string{"application/json"}, Schema: schema}
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return writeText(w, status, content, []byte("\n"))
}

// writeText answers with what is JSON already, in pieces. They may be others' too: nothing
// is appended to them.
func writeText(w http.ResponseWriter, status int, pieces ...[]byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	for _, piece := range pieces {
		_, _ = w.Write(piece) // the client went away
	}
	return nil
}
