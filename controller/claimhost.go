package controller

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// claimHost claims the host of the rendered endpoint. A generation that does not render
// keeps the previous claim. A forbidden host is not claimed.
func (k *deployKind) claimHost(ctx context.Context, deploy *v1.NpuDeploy, rendered *rendering) (hostOwnership, error) {
	claim := newHostClaim(deploy)
	if err := k.releaseClaims(ctx, claim.deploy, deploy.UID); err != nil {
		return hostOwnership{}, err
	}
	if rendered.outcome.Reason == v1.ReasonRendered {
		if rendered.endpoint != nil {
			claim.host, claim.path = rendered.endpoint.Host, rendered.endpoint.Path
		}
	} else if before := k.claims.get(claim.claimID); before.host != "" {
		claim = before
	}
	forbidden := ""
	if claim.host != "" {
		projects, err := listProjects(ctx, k.cache)
		if err != nil {
			return hostOwnership{}, err
		}
		if forbidden = forbiddenHost(projects, deploy.Namespace, claim.host); forbidden != "" {
			claim = newHostClaim(deploy)
		}
	}
	owner, affected := k.claims.put(claim)
	k.queue.add(affected...)
	return hostOwnership{owner: owner, forbidden: forbidden}, nil
}

// releaseClaims releases the claims of deleted NpuDeploys of a name that have no route any more:
// two routes for one host would compete. The NpuDeploy with the UID existing is not deleted.
func (k *deployKind) releaseClaims(ctx context.Context, name types.NamespacedName, existing types.UID) error {
	for _, claim := range k.claims.of(name) {
		if claim.uid == existing {
			continue
		}
		remains, err := k.remainingRoute(ctx, k.cache, claim.claimID)
		if err == nil && !remains.has {
			// The informers may not have a route that was created shortly before the deletion.
			ofDeploy := client.MatchingLabels{v1.LabelDeploy: claim.deploy.Name}
			if remains, err = k.remainingRoute(ctx, k.direct, claim.claimID, ofDeploy); remains.has {
				k.queue.addWith(priorityqueue.AddOpts{After: retryMaxDelay}, name)
			}
		}
		if err != nil {
			return fmt.Errorf("listing the routes of %s: %w", name, err)
		}
		var affected []types.NamespacedName
		if claim.isDeleted, claim.isAdopted = true, remains.isAdopted; remains.has {
			_, affected = k.claims.put(claim)
		} else {
			affected = k.claims.release(claim.claimID)
		}
		k.queue.add(affected...)
	}
	return nil
}

// remaining is what there is of the routes of a deleted NpuDeploy.
type remaining struct {
	has, isAdopted bool
}

// remainingRoute finds the routes that the NpuDeploy controls, or that it left behind.
func (k *deployKind) remainingRoute(ctx context.Context, from client.Reader, id claimID, options ...client.ListOption) (remaining, error) {
	var routes []client.Object
	err := k.eachRoute(ctx, from, func(_ schema.GroupVersionKind, route client.Object) error {
		controller := metav1.GetControllerOfNoCopy(route)
		if ownerOf(v1.Kind, route) == id.deploy.Name && (controller == nil || controller.UID == id.uid) {
			routes = append(routes, route)
		}
		return nil
	}, append(options, client.InNamespace(id.deploy.Namespace))...)
	isKept := func(route client.Object) bool { return !isAdopted(route, id.deploy.Name) }
	return remaining{has: len(routes) > 0, isAdopted: !slices.ContainsFunc(routes, isKept)}, err
}

// isAdopted reports whether the NpuDeploy of a name takes over a route that a deleted one left behind.
func isAdopted(route client.Object, name string) bool {
	return route.GetAnnotations()[v1.AnnotationAdopt] == name && metav1.GetControllerOfNoCopy(route) == nil
}

// eachRoute visits the routes of all kinds that are watched. Those of the cache are shared.
func (k *deployKind) eachRoute(
	ctx context.Context, from client.Reader, visit func(schema.GroupVersionKind, client.Object) error, options ...client.ListOption,
) error {
	for _, kind := range manifests.Kinds() {
		if !isRoute(apply.Ref{GroupVersionKind: kind}) || k.checkInstalled(kind) != nil {
			continue
		}
		list := apply.NewCachedList(kind)
		err := from.List(ctx, list, append(slices.Clip(options), client.UnsafeDisableDeepCopy)...)
		if isNotCached(err) || meta.IsNoMatchError(err) {
			continue // It was removed.
		}
		if err == nil {
			err = meta.EachListItem(list, func(item runtime.Object) error { return visit(kind, item.(client.Object)) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loadClaims restores the claims from statuses, and those of deleted NpuDeploys from the routes
// that remain. An NpuDeploy without a URL has no route yet.
func (k *deployKind) loadClaims(ctx context.Context) error {
	deploys, err := listDeploys(ctx, k.cache, metav1.NamespaceAll)
	if err != nil {
		return err
	}
	projects, err := listProjects(ctx, k.cache)
	if err != nil {
		return err
	}
	existing := map[types.NamespacedName]types.UID{}
	for _, deploy := range deploys {
		existing[client.ObjectKeyFromObject(deploy)] = deploy.UID
		endpoint, err := url.Parse(deploy.Status.URL)
		if err != nil || endpoint.Host == "" {
			continue
		}
		if forbiddenHost(projects, deploy.Namespace, endpoint.Hostname()) != "" {
			continue
		}
		claim := newHostClaim(deploy)
		claim.host, claim.path = endpoint.Hostname(), endpoint.Path
		k.claims.put(claim)
	}
	return k.loadRemaining(ctx, existing)
}

// loadRemaining restores the claims of NpuDeploys that do not exist any more. The informers do not
// have the hosts of routes, so that it reads these few.
func (k *deployKind) loadRemaining(ctx context.Context, existing map[types.NamespacedName]types.UID) error {
	return k.eachRoute(ctx, k.cache, func(kind schema.GroupVersionKind, route client.Object) error {
		id := claimID{types.NamespacedName{Namespace: route.GetNamespace(), Name: ownerOf(v1.Kind, route)}, route.GetUID()}
		uid, exists := existing[id.deploy]
		if controller := metav1.GetControllerOfNoCopy(route); controller != nil {
			id.uid, exists = controller.UID, controller.UID == uid
		}
		if exists || id.deploy.Name == "" {
			return nil
		}
		full := &unstructured.Unstructured{}
		full.SetGroupVersionKind(kind)
		if err := k.direct.Get(ctx, client.ObjectKeyFromObject(route), full); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading %s %s: %w", kind.Kind, client.ObjectKeyFromObject(route), err)
		}
		// Its time of creation is unknown. It is the oldest: nothing else has its host now.
		claim := hostClaim{claimID: id, isDeleted: true, isAdopted: isAdopted(route, id.deploy.Name)}
		claim.host, claim.path = endpointOf(full)
		k.claims.put(claim)
		return nil
	})
}

// endpointOf returns the host and the path of a route of any kind.
func endpointOf(route *unstructured.Unstructured) (host, path string) {
	var fields struct {
		Spec struct {
			Hosts []string `json:"hosts"` // of a VirtualService
			HTTP  []struct {
				Match []struct {
					URI struct {
						Exact string `json:"exact"`
					} `json:"uri"`
				} `json:"match"`
			} `json:"http"`
			Hostnames []string `json:"hostnames"` // of an HTTPRoute
			Rules     []struct {
				Host    string `json:"host"` // of an Ingress, which has all paths
				Matches []struct {
					Path struct {
						Value string `json:"value"`
					} `json:"path"`
				} `json:"matches"`
			} `json:"rules"`
		} `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(route.Object, &fields); err != nil {
		return "", "" // A user changed it.
	}
	hosts := slices.Concat(fields.Spec.Hosts, fields.Spec.Hostnames)
	var paths []string
	for _, http := range fields.Spec.HTTP {
		for _, match := range http.Match {
			paths = append(paths, match.URI.Exact)
		}
	}
	for _, rule := range fields.Spec.Rules {
		hosts = append(hosts, rule.Host)
		for _, match := range rule.Matches {
			paths = append(paths, match.Path.Value)
		}
	}
	return first(hosts), strings.TrimSuffix(first(paths), "/")
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
