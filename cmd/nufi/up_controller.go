package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/dudaji/nufi/cluster"
)

// controller is the program, by the name of its folder in cmd/ and of its log.
const controller = "nufi-controller"

// runController compiles the controller and starts it, and returns the URL of its
// metrics when it is ready.
func (u *up) runController(ctx context.Context, c *cluster.Cluster) (metrics string, err error) {
	binary := filepath.Join(u.dir, controller)
	compilation := cluster.Compilation{
		Step: "compiling the controller", Dir: u.root, Package: "./cmd/" + controller, Out: binary,
	}
	if err := compilation.Run(ctx, u.steps.say); err != nil {
		return "", err
	}
	ports, err := cluster.FreePorts(ctx, 0, 0)
	if err != nil {
		return "", err
	}
	served, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	u.steps.say("starting the controller", "")
	err = c.Launch(controller, binary,
		"--kubeconfig="+c.KubeconfigPath(),
		"--metrics-bind-address="+served,
		"--health-probe-bind-address="+probes,
		"--leader-elect=false",
	)
	if err != nil {
		return "", err
	}
	return "http://" + served + "/metrics", c.Await(ctx, "http://"+probes+"/readyz")
}
