package main

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// fill brings nodes, NuFi's programs and the examples into the cluster.
func (u *up) fill(ctx context.Context, c *cluster.Cluster, kube client.Client) (told summary, err error) {
	u.steps.say("adding simulated nodes", "")
	if err := c.AddNodes(ctx, nodes()...); err != nil {
		return told, err
	}
	if !u.noController {
		if told.Metrics, err = u.runController(ctx, c); err != nil {
			return told, err
		}
	}
	if u.monitoring {
		if told.Prometheus, err = u.runMonitoring(ctx, c, kube, told.Metrics); err != nil {
			return told, err
		}
	}
	if !u.noAPIServer {
		if told.API, err = u.runAPIServer(ctx, c, kube, told.Prometheus); err != nil {
			return told, err
		}
	}
	if !u.noExamples {
		if err := u.applyExamples(ctx, c, kube); err != nil {
			return told, err
		}
	}
	if !u.noController && !u.noExamples {
		told.NotReady, err = u.awaitReady(ctx, kube)
	}
	return told, err
}

// newUpClient returns a client that knows Kubernetes' own kinds and ours.
func newUpClient(config *rest.Config) (client.Client, error) {
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), v1.AddToScheme(known)); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: known})
}
