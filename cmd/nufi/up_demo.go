package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	policyFile = "schemas/policy/policy.cue"
	// demoTimeout limits the demonstration.
	demoTimeout = 5 * time.Minute
)

// demoChange makes a rollout faster than those of a production cluster.
func demoChange() *strings.Replacer {
	return strings.NewReplacer("healthySeconds:  300", "healthySeconds:  5",
		`total: "10%", perProject: 1`, `total: "30%", perProject: 2`, "shares: [10, 50, 100]", "shares: [30, 100]")
}

// demoError is a typing error in the command of every server.
func demoError() *strings.Replacer {
	return strings.NewReplacer("vllm.entrypoints.openai.api_server", "vllm.entrypoints.openai.api_serve")
}

var (
	errNoDemo = errors.New("--demo-rollout requires the controller and the examples")
	errNoHalt = errors.New("the rollout was not halted")
)

// checkDemo returns an error if --demo-rollout is set without what it shows.
func (o upOptions) checkDemo() error {
	if o.demoRollout && (o.noController || o.noExamples) {
		return errNoDemo
	}
	return nil
}

// kedaPolicy lets KEDA scale, by a Prometheus at the URL, which may be empty.
func kedaPolicy(prometheus string) *strings.Replacer {
	edits := []string{`"HorizontalPodAutoscaler"`, `"ScaledObject"`}
	if prometheus != "" {
		edits = append(edits, "http://prometheus-operated.monitoring:9090", prometheus)
	}
	return strings.NewReplacer(edits...)
}

// templates returns the folder of the templates that NuFi's programs use if their policy is edited.
func (u *up) templates() string { return filepath.Join(u.dir, "templates") }

// prepareTemplates writes the templates, if the options require another policy, and returns the flags of NuFi's
// programs that use them.
func (u *up) prepareTemplates(prometheus string) (flags []string, err error) {
	var edits []*strings.Replacer
	if u.demoRollout {
		edits = append(edits, demoChange())
	}
	if slices.Contains(u.with, string(cluster.KEDA)) {
		edits = append(edits, kedaPolicy(prometheus))
	}
	if len(edits) == 0 {
		return nil, nil
	}
	if err := os.RemoveAll(u.templates()); err != nil {
		return nil, err
	}
	if err := os.CopyFS(u.templates(), nufi.Module()); err != nil {
		return nil, err
	}
	for _, edit := range edits {
		if _, _, err := u.editPolicy(edit); err != nil {
			return nil, err
		}
	}
	return []string{"--templates=" + u.templates()}, nil
}

// editPolicy edits the policy, in one step, and returns the first line that differs.
func (u *up) editPolicy(edit *strings.Replacer) (before, after string, err error) {
	name := filepath.Join(u.templates(), policyFile)
	content, err := os.ReadFile(name) //nolint:gosec // Written by prepareTemplates.
	if err != nil {
		return "", "", err
	}
	edited := edit.Replace(string(content))
	temporary := filepath.Join(u.dir, "policy.cue")
	if err := os.WriteFile(temporary, []byte(edited), 0o600); err != nil { //nolint:gosec // As above.
		return "", "", err
	}
	if err := os.Rename(temporary, name); err != nil {
		return "", "", err
	}
	lines := strings.Split(edited, "\n")
	for i, line := range strings.Split(string(content), "\n") {
		if lines[i] != line {
			return strings.TrimSpace(line), strings.TrimSpace(lines[i]), nil
		}
	}
	return "", "", nil
}

// demo is a demonstration of a bad set of templates.
type demo struct {
	*up

	kube  client.Client
	ready map[client.ObjectKey]bool // NpuDeploys that are ready before
	begin time.Time
	last  string // line
}

// runDemo serves a bad set of templates, and prints each change of its rollout until all NpuDeploys have
// returned.
func (u *up) runDemo(ctx context.Context, kube client.Client) error {
	d := &demo{up: u, kube: kube, ready: map[client.ObjectKey]bool{}, begin: time.Now()}
	if err := d.each(ctx, func(deploy *v1.NpuDeploy) { d.ready[keyOf(deploy)] = describeNotReady(deploy) == "" }); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	earlier, err := listRollouts(ctx, kube)
	if err != nil {
		return err
	}
	revision := int64(0)
	if len(earlier) > 0 {
		revision = earlier[0].Spec.Revision
	}
	before, after, err := u.editPolicy(demoError())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(u.out, "\nA bad set of templates: an error in %s\n\n  - %s\n  + %s\n\n",
		filepath.Join(u.templates(), policyFile), before, after)
	d.print("the controller validates the templates")
	halted, err := d.awaitHalt(ctx, revision)
	if err != nil {
		return fmt.Errorf("demonstrating a rollout: %w", err)
	}
	if err := d.awaitReturn(ctx, halted); err != nil {
		return fmt.Errorf("demonstrating a rollout: %w", err)
	}
	if _, _, err := u.editPolicy(strings.NewReplacer(after, before)); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(u.out)
	if err := printRollout(u.out, halted); err != nil {
		return err
	}
	_, err = fmt.Fprintf(u.out, "\nThe error is corrected. Edit the file, and watch the rollout of the next set:\n\n    kubectl get templaterollouts --watch\n\nThe demonstration has ended.\n")
	return err
}

// print prints a line with its time, if it is not the last one.
func (d *demo) print(line string) {
	if line != d.last {
		d.last = line
		_, _ = fmt.Fprintf(d.out, "%7s  %s\n", elapsed(time.Since(d.begin)), line)
	}
}

// awaitHalt prints the changes of the first rollout after a revision until it has ended.
func (d *demo) awaitHalt(ctx context.Context, revision int64) (*v1.TemplateRollout, error) {
	var current *v1.TemplateRollout
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		rollouts, err := listRollouts(ctx, d.kube)
		if err != nil {
			return false, err
		}
		for i := range slices.Backward(rollouts) {
			if current = &rollouts[i]; current.Spec.Revision > revision {
				if current.Status.Plan != nil {
					d.print(describeProgress(current))
				}
				return rollout.HasEnded(current), nil
			}
		}
		return false, nil
	})
	if err == nil && rollout.StateOf(current) != v1.ConditionHalted {
		err = fmt.Errorf("%w: %s", errNoHalt, rollout.StateOf(current))
	}
	return current, err
}

// awaitReturn waits until all NpuDeploys that were ready are ready without the templates.
func (d *demo) awaitReturn(ctx context.Context, halted *v1.TemplateRollout) error {
	return wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		returned, all := 0, 0
		err := d.each(ctx, func(deploy *v1.NpuDeploy) {
			if !d.ready[keyOf(deploy)] {
				return
			}
			if all++; describeNotReady(deploy) == "" && deploy.Status.Templates != halted.Spec.Templates {
				returned++
			}
		})
		d.print(fmt.Sprintf("%d of %d NpuDeploys are ready with the earlier templates", returned, all))
		return returned == all, err
	})
}

func (d *demo) each(ctx context.Context, do func(*v1.NpuDeploy)) error {
	var list v1.NpuDeployList
	if err := d.kube.List(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		do(&list.Items[i])
	}
	return nil
}

// describeProgress returns the state of a rollout in one line.
func describeProgress(current *v1.TemplateRollout) string {
	var total v1.RolloutWave
	for _, wave := range current.Status.Waves {
		total.Total += wave.Total
		total.Updated += wave.Updated
		total.Failed += wave.Failed
	}
	line := fmt.Sprintf("%s: %s: %d assigned, %d updated, %d failed", current.Name, rollout.StateOf(current), total.Total, total.Updated, total.Failed)
	if message := rollout.MessageOf(current); message != "" {
		line += ": " + message
	}
	return line
}
