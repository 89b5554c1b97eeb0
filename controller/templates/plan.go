package templates

import (
	"context"
	"io/fs"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/controller/plan"
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan says what candidate would do to deploys, which serving renders now with the facts of
// their namespaces. Candidate has to compile and to render the examples. A child process
// does it, and sees nothing of deploys but their names and specs.
func Plan(ctx context.Context, serving, candidate fs.FS, deploys []v1.NpuDeploy, facts map[string]render.Facts) ([]plan.Deploy, error) {
	now, err := contents(serving)
	if err != nil {
		return nil, err
	}
	next, err := contents(candidate)
	if err != nil {
		return nil, err
	}
	specs := make([]v1.NpuDeploy, len(deploys))
	for i, deploy := range deploys {
		specs[i] = v1.NpuDeploy{
			ObjectMeta: metav1.ObjectMeta{Namespace: deploy.Namespace, Name: deploy.Name}, Spec: deploy.Spec,
		}
	}
	said, err := run(ctx, task{Serving: now, Candidate: next, Live: Live{Deploys: specs}, Facts: facts})
	if err != nil {
		return nil, err
	}
	return said.Plan, nil
}

// compare is the child's part of Plan.
func compare(serving, candidate fs.FS, deploys []v1.NpuDeploy, facts map[string]render.Facts) answer {
	before, err := render.Compile(serving)
	if err != nil {
		return answer{Faults: faultsOf(err)}
	}
	after, err := render.Compile(candidate)
	if err != nil {
		return answer{Faults: faultsOf(err)}
	}
	if faults := rendersExamples(after); len(faults) > 0 {
		return answer{Faults: faults}
	}
	return answer{Plan: plan.All(before, after, deploys, facts)}
}
