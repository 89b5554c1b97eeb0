package namespaces

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
)

// Secrets are write-only, for tokens that NpuDeploys refer to by name. No response has a value.
// To write, the server needs no permission that returns the data of an existing Secret: not
// patch, whose response is the whole object. To delete Secrets, and to list their names and keys, it needs
// delete and list, which return Secrets. Administrators grant them by namespace: see
// bundle/apiserver/secrets_role.yaml.

// secretList is the Secrets of a namespace, without their values.
type secretList struct {
	Secrets []listedSecret `json:"secrets" doc:"by name"`
}

type listedSecret struct {
	Name string   `json:"name" doc:"name of the Secret"`
	Type string   `json:"type" doc:"Opaque, kubernetes.io/dockerconfigjson and so on"`
	Keys []string `json:"keys" doc:"its keys, sorted"`
}

// secretInput is the data of a Secret.
type secretInput struct {
	Data map[string]string `json:"data" doc:"values by key; they replace those of an existing Secret"`
}

// writtenSecret describes a Secret without its values.
type writtenSecret struct {
	Name string   `json:"name" doc:"name of the Secret"`
	Keys []string `json:"keys" doc:"its keys, sorted"`
}

const (
	secretsResource = "secrets"
	secretsPath     = rest.Prefix + "/namespaces/{namespace}/" + secretsResource
	secretPath      = secretsPath + "/{name}"
)

func secretRoutes() []rest.Route {
	need := func(verbs ...string) []rest.Need {
		needs := make([]rest.Need, len(verbs))
		for i, verb := range verbs {
			needs[i] = rest.Need{Verb: verb, Resource: secretsResource}
		}
		return needs
	}
	return []rest.Route{
		{
			Operation: openapi.Operation{
				ID: "listSecrets", Method: http.MethodGet, Path: secretsPath, Summary: "List the names and keys of Secrets, where the server may do so",
				Returns: rest.JSON(secretList{}), Status: http.StatusOK, Errors: []int{http.StatusNotImplemented},
			},
			Handler: listSecrets,
		},
		{
			Operation: openapi.Operation{
				ID: "putSecret", Method: http.MethodPut, Path: secretPath, Summary: "Create or replace an Opaque Secret, whose values cannot be read",
				Query:   []openapi.Parameter{rest.DryRunParameter()},
				Headers: []openapi.Parameter{{Name: "If-None-Match", Doc: "*: the Secret must not exist"}},
				Accepts: []openapi.Content{rest.JSON(secretInput{})}, Returns: rest.JSON(writtenSecret{}), Status: http.StatusOK, Created: true,
				Errors: []int{http.StatusPreconditionFailed},
			},
			Change: "write secret", Needs: need("create", "update"), Handler: putSecret,
		},
		{
			Operation: openapi.Operation{
				ID: "deleteSecret", Method: http.MethodDelete, Path: secretPath, Summary: "Delete a Secret, where the server may do so",
				Query: []openapi.Parameter{rest.DryRunParameter()}, Status: http.StatusAccepted, Errors: []int{http.StatusNotImplemented},
			},
			Change: "delete secret", Handler: deleteSecret,
		},
	}
}

// notImplemented returns a 501 for the error of a request that the caller may make: if Kubernetes forbids it,
// the server lacks the permission.
func notImplemented(verb string, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return problem.New(http.StatusNotImplemented, "the server may not "+verb+" Secrets of this namespace: its administrator can bind nufi-apiserver-secrets there")
}

// secretsPage is how many Secrets are in memory, each with up to 1 MiB.
const secretsPage = 50

func listSecrets(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	ctx, namespace := r.Context(), mux.Vars(r)["namespace"]
	if _, err := rest.ReviewAccess(ctx, user, rest.Need{Verb: "list", Resource: secretsResource}, namespace); err != nil {
		return err
	}
	response := secretList{Secrets: []listedSecret{}}
	for next, more := "", true; more; more = next != "" {
		page := &corev1.SecretList{}
		err := user.List(ctx, page, client.InNamespace(namespace), client.Limit(secretsPage), client.Continue(next))
		if err != nil {
			return notImplemented("list", err)
		}
		for i := range page.Items {
			secret := &page.Items[i]
			response.Secrets = append(response.Secrets, listedSecret{secret.Name, string(secret.Type), slices.Sorted(maps.Keys(secret.Data))})
		}
		next = page.Continue
	}
	slices.SortFunc(response.Secrets, func(a, b listedSecret) int { return cmp.Compare(a.Name, b.Name) })
	return rest.WriteJSON(w, http.StatusOK, response)
}

func putSecret(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	var input secretInput
	if err := rest.ReadJSON(r, &input); err != nil {
		return err
	}
	if len(input.Data) == 0 {
		return problem.Invalid("data", "has no keys")
	}
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	none := r.Header.Get("If-None-Match")
	if none != "" && none != "*" {
		return problem.New(http.StatusBadRequest, `If-None-Match must be "*", or absent`)
	}
	status := http.StatusCreated
	err = rest.WithVerb("create", user.Create(r.Context(), newSecret(r, input), createOptions(dryRun)...))
	switch {
	case apierrors.IsAlreadyExists(err) && none == "*":
		return rest.PreconditionFailed("a Secret of this name already exists")
	case apierrors.IsAlreadyExists(err):
		status = http.StatusOK
		err = rest.WithVerb("update", user.Update(r.Context(), newSecret(r, input), updateOptions(dryRun)...))
	}
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, status, writtenSecret{mux.Vars(r)["name"], slices.Sorted(maps.Keys(input.Data))})
}

// newSecret returns a new object for each call: a client sets it to the response.
func newSecret(r *http.Request, input secretInput) *corev1.Secret {
	vars := mux.Vars(r)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: vars["namespace"], Name: vars["name"]},
		Type:       corev1.SecretTypeOpaque, StringData: input.Data,
	}
}

func createOptions(dryRun bool) []client.CreateOption {
	options := []client.CreateOption{resources.FieldManager}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return options
}

func updateOptions(dryRun bool) []client.UpdateOption {
	options := []client.UpdateOption{resources.FieldManager}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return options
}

func deleteSecret(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	var options []client.DeleteOption
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if _, err := rest.ReviewAccess(r.Context(), user, rest.Need{Verb: "delete", Resource: secretsResource}, mux.Vars(r)["namespace"]); err != nil {
		return err
	}
	if err := user.Delete(r.Context(), newSecret(r, secretInput{}), options...); err != nil {
		return notImplemented("delete", err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
