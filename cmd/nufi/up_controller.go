package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/dudaji/nufi/internal/cluster"
)

// controller is the program, by the name of its folder in cmd/ and of its log.
const controller = "nufi-controller"

// runController compiles the controller and starts it, and returns the URL of its
// metrics when it is ready.
func (u *up) runController(ctx context.Context, c *cluster.Cluster) (metrics string, err error) {
	served, err := u.runProgram(ctx, c, controller, "the controller", func(served, probes string) []string {
		return []string{"--metrics-bind-address=" + served, "--health-probe-bind-address=" + probes, "--leader-elect=false"}
	})
	return served + "/metrics", err
}

// runProgram compiles one of NuFi's programs and starts it on free ports, and returns its
// URL when it is ready. Flags says how it is told where to serve, and where its probes.
func (u *up) runProgram(
	ctx context.Context, c *cluster.Cluster, name cluster.Component, called string, flags func(served, probes string) []string,
) (string, error) {
	binary := filepath.Join(u.dir, string(name))
	compilation := cluster.Compilation{
		Step: "compiling " + called, Dir: u.root, Package: "./cmd/" + string(name), Out: binary,
	}
	if err := compilation.Run(ctx, u.steps.say); err != nil {
		return "", err
	}
	ports, err := cluster.FreePorts(ctx, 0, 0)
	if err != nil {
		return "", err
	}
	served, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	u.steps.say("starting "+called, "")
	args := append([]string{"--kubeconfig=" + c.KubeconfigPath()}, flags(served, probes)...)
	if err := c.Launch(name, binary, args...); err != nil {
		return "", err
	}
	return "http://" + served, c.Await(ctx, "http://"+probes+"/readyz")
}
