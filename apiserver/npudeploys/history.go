package npudeploys

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// revisionList is the history of an NpuDeploy.
type revisionList struct {
	Items []history.Revision `json:"items" doc:"the oldest first"`
}

func historyRoutes() []rest.Route {
	list := newRoute("listNpuDeployRevisions", ObjectPath+"/revisions", "List the specs that an NpuDeploy had and has", rest.JSON(revisionList{}), "get", listRevisions)
	list.Needs = append(list.Needs, needRevisions())
	return []rest.Route{list, {
		Operation: openapi.Operation{
			ID: "undoNpuDeploy", Method: http.MethodPost, Path: ObjectPath + "/undo",
			Summary: "Write an earlier spec of an NpuDeploy back; the number of replicas stays",
			Query: []openapi.Parameter{
				{Name: "revision", Doc: "its number; absent: the previous one", Schema: openapi.Integer(1, math.MaxInt32)}, rest.DryRunParameter(),
			},
			Headers: []openapi.Parameter{rest.IfMatchParameter()},
			HasETag: true, Returns: rest.JSON(Schema), Status: http.StatusOK,
		},
		Change: "undo", Needs: append(rest.Needs(Resource, "get", "patch"), needRevisions()), Handler: undo,
	}}
}

func needRevisions() rest.Need {
	return rest.Need{Verb: "list", Group: appsv1.GroupName, Resource: "controllerrevisions"}
}

// readRevisions reads the NpuDeploy that the path names, and its revisions, the oldest first.
func readRevisions(r *http.Request, user *kube.UserClient) (*v1.NpuDeploy, []history.Revision, error) {
	deploy := typedObject(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return nil, nil, rest.WithVerb("get", err)
	}
	var stored appsv1.ControllerRevisionList
	err := user.List(r.Context(), &stored, client.InNamespace(deploy.Namespace), client.MatchingLabels{v1.LabelDeploy: deploy.Name})
	if err != nil {
		return nil, nil, rest.WithVerb("list", err)
	}
	return deploy, history.All(deploy, stored.Items), nil
}

func listRevisions(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	_, revisions, err := readRevisions(r, user)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, revisionList{revisions})
}

func undo(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	var number int64
	if value := r.URL.Query().Get("revision"); value != "" {
		if number, err = strconv.ParseInt(value, 10, 64); err != nil || number < 1 {
			return problem.New(http.StatusBadRequest, "revision must be the number of a revision")
		}
	}
	var precondition rest.Precondition
	if rest.HasIfMatch(r) {
		if precondition, err = rest.IfMatch(r); err != nil {
			return err
		}
	}
	restored, err := restore(r, user, number, precondition, dryRun)
	if err != nil {
		return err
	}
	return rest.WriteObject(w, r, http.StatusOK, restored)
}

// restore writes the spec of a revision over the version that it reads, and retries after changes of
// the status alone.
func restore(r *http.Request, user *kube.UserClient, number int64, precondition rest.Precondition, dryRun bool) (*unstructured.Unstructured, error) {
	options := []client.PatchOption{resources.FieldManager, client.FieldValidation(metav1.FieldValidationStrict)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	var generation int64
	for range resources.MaxAttempts {
		deploy, revisions, err := readRevisions(r, user)
		if err != nil {
			return nil, err
		}
		if !precondition.Holds(deploy) {
			return nil, rest.PreconditionFailed("the NpuDeploy has changed since it was read: its ETag is " + rest.ETag(deploy))
		}
		if generation != 0 && generation != deploy.Generation {
			break
		}
		generation = deploy.Generation
		change, err := replaceSpec(deploy, revisions, number)
		if err != nil {
			return nil, err
		}
		restored := Kind().Object(r)
		err = user.Patch(r.Context(), restored, client.RawPatch(types.JSONPatchType, change), options...)
		if err == nil || !apierrors.IsConflict(err) {
			return restored, rest.WithVerb("patch", err)
		}
	}
	return nil, problem.New(http.StatusConflict, "the NpuDeploy changed meanwhile: read its revisions again")
}

// replaceSpec returns a JSON patch for the version of the NpuDeploy that was read.
func replaceSpec(deploy *v1.NpuDeploy, revisions []history.Revision, number int64) ([]byte, error) {
	revision, err := history.Find(revisions, number)
	if errors.Is(err, history.ErrNotFound) {
		return nil, problem.New(http.StatusNotFound, err.Error())
	}
	if err != nil {
		return nil, problem.New(http.StatusConflict, err.Error())
	}
	return json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/resourceVersion", "value": deploy.ResourceVersion},
		{"op": "replace", "path": "/spec", "value": history.Restore(revision, &deploy.Spec)},
	})
}
