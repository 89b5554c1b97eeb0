package rollout

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// inPlace is the index of the wave of NpuDeploys that keep their servers.
const inPlace = 0

// wave is one wave of a policy.
type wave struct {
	name string
	// canaries select the NpuDeploys of a wave of canaries, nil of any other.
	canaries labels.Selector
	// projects select the Projects of a stage's wave, nil of any other.
	projects labels.Selector
	// share, of all other waves, is the percentage of NpuDeploys that are updated when the wave ends.
	share int
}

// wavesOf returns the waves in their order. The last one updates all.
func wavesOf(policy render.ChangePolicy) []wave {
	waves := []wave{{name: "InPlace"}}
	if len(policy.Canaries) > 0 {
		waves = append(waves, wave{name: "Canary", canaries: labels.SelectorFromSet(policy.Canaries)})
	}
	for _, stage := range policy.Stages {
		waves = append(waves, wave{name: stage.Name, projects: labels.SelectorFromSet(stage.Projects)})
	}
	last := 0
	for _, share := range policy.Shares {
		waves = append(waves, wave{name: fmt.Sprintf("%d%%", share), share: share})
		last = share
	}
	if last < 100 {
		waves = append(waves, wave{name: "100%", share: 100})
	}
	return waves
}

// candidates returns the NpuDeploys that a wave may be assigned, and how many of them it has yet to be assigned.
// Those that an earlier rollout left unavailable are first in any wave: they count as disrupted until they are
// Ready.
func (e *evaluation) candidates(index int) (candidates []*member, most int) {
	if index == inPlace {
		candidates = e.filter(func(m *member) bool { return m.state == candidate && m.Effect == render.InPlace })
		return candidates, len(candidates)
	}
	wave := e.waves[index]
	open := e.filter(func(m *member) bool { return m.state == candidate && m.Effect != render.InPlace })
	var leftDown []*member
	for _, m := range open {
		if m.isLeftDown {
			leftDown = append(leftDown, m)
		} else if wave.selects(m) {
			candidates = append(candidates, m)
		}
	}
	candidates = append(leftDown, candidates...)
	if wave.share == 0 {
		return candidates, len(candidates)
	}
	assigned := len(e.filter(func(m *member) bool { return m.state >= updating && m.assigned().Wave != inPlace }))
	most = ((len(open)+assigned)*wave.share+99)/100 - assigned
	return candidates, max(len(leftDown), min(most, len(candidates)))
}

func (w *wave) selects(m *member) bool {
	return (w.canaries == nil || w.canaries.Matches(labels.Set(m.Labels))) &&
		(w.projects == nil || w.projects.Matches(labels.Set(m.ProjectLabels)))
}

func (e *evaluation) filter(keep func(*member) bool) []*member {
	var kept []*member
	for _, m := range e.members {
		if keep(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// count sets the counts of the status.
func (e *evaluation) count() {
	e.status.Waves = make([]v1.RolloutWave, len(e.waves))
	for i, wave := range e.waves {
		e.status.Waves[i].Name = wave.name
	}
	e.status.Failed, e.status.WaveName = nil, ""
	if int(e.status.Wave) < len(e.waves) {
		e.status.WaveName = e.waves[e.status.Wave].name
	}
	updated, total := 0, 0
	for _, m := range e.members {
		if m.state == candidate {
			total++
		}
		if m.state < updating {
			continue
		}
		total++
		a := m.assigned()
		wave := &e.status.Waves[min(int(a.Wave), len(e.waves)-1)]
		wave.Total++
		if a.Templates == e.target && m.Applied == e.target {
			wave.Updated++
			updated++
		}
		switch {
		case m.state == healthy:
			wave.Ready++
		case a.Failed != "":
			wave.Failed++
			if len(e.status.Failed) < maxListed {
				e.status.Failed = append(e.status.Failed, v1.FailedDeploy{Namespace: m.Namespace, Name: m.Name, Reason: a.Failed})
			}
		case !a.WasReady:
			wave.NotReadyBefore++
		}
	}
	e.status.Summary = fmt.Sprintf("%d/%d", updated, total)
}
