package rollout

import (
	"slices"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Preview is a wave that would follow.
type Preview struct {
	Name    string   `json:"name" doc:"name of the wave in the policy"`
	Deploys []string `json:"deploys" doc:"namespace/name of each NpuDeploy, sorted"`
}

// PreviewOf returns the waves of a set that have NpuDeploys, assuming that none fails. It reads the names,
// labels and effects of the Deploys.
func PreviewOf(policy render.ChangePolicy, deploys []Deploy) []Preview {
	e := &evaluation{rollout: &v1.TemplateRollout{}, waves: wavesOf(policy)}
	for _, d := range inOrder(deploys) {
		e.members = append(e.members, e.classify(*d))
	}
	var previews []Preview
	for i, wave := range e.waves {
		preview := Preview{Name: wave.name}
		candidates, most := e.candidates(i)
		for _, m := range candidates[:most] {
			m.state = healthy
			m.next = &v1.RolloutAssignment{Wave: int32(i)}
			preview.Deploys = append(preview.Deploys, m.Namespace+"/"+m.Name)
		}
		if slices.Sort(preview.Deploys); len(preview.Deploys) > 0 {
			previews = append(previews, preview)
		}
	}
	return previews
}
