package render

import (
	"fmt"
	"time"
	_ "time/tzdata" // The zones of windows, in images without them.

	"k8s.io/apimachinery/pkg/util/intstr"
)

// ChangePolicy is how policy rolls out a set of templates. The zero value is one wave without limits.
type ChangePolicy struct {
	// Canaries are labels of the NpuDeploys that are updated first. Empty means none.
	Canaries map[string]string `json:"canaries"`
	// Stages are waves of the NpuDeploys of Projects with labels.
	Stages []Stage `json:"stages"`
	// Shares are the percentages of NpuDeploys that are updated when each wave ends.
	Shares []int `json:"shares"`
	// MaxDisrupted bounds the NpuDeploys that the rollout makes unavailable.
	MaxDisrupted MaxDisrupted `json:"maxDisrupted"`
	// HealthySeconds is how long an NpuDeploy must be Ready before it counts.
	HealthySeconds int `json:"healthySeconds"`
	// DeadlineSeconds is how long an NpuDeploy may take to become Ready. 0 means no limit.
	DeadlineSeconds int `json:"deadlineSeconds"`
	// OnFailure is Revert or Halt.
	OnFailure string `json:"onFailure"`
	// Tolerance is the number or share of a wave that may fail.
	Tolerance intstr.IntOrString `json:"tolerance"`
	// Windows are when NpuDeploys may be updated. Empty means always.
	Windows []Window `json:"windows"`
	// ManualDays is how many days an NpuDeploy with manual updates may stay behind. 0 means no limit.
	ManualDays int `json:"manualDays"`
}

// ManualLimit is how long an NpuDeploy with manual updates may stay behind. 0 means no limit.
func (c ChangePolicy) ManualLimit() time.Duration {
	return time.Duration(c.ManualDays) * 24 * time.Hour
}

// OnFailureRevert returns the NpuDeploys of the failed wave to their earlier templates.
const OnFailureRevert = "Revert"

// Stage is a wave of NpuDeploys.
type Stage struct {
	Name string `json:"name"`
	// Projects are the labels of their Projects.
	Projects map[string]string `json:"projects"`
}

// MaxDisrupted is a number or a share of NpuDeploys; the zero value means no limit.
type MaxDisrupted struct {
	Total      intstr.IntOrString `json:"total"`
	PerProject intstr.IntOrString `json:"perProject"`
}

// Window is a time of the day. It ends on the next day if To is not after From.
type Window struct {
	Days []string `json:"days"` // Mon, Tue, ...: of the beginning
	From string   `json:"from"` // 22:00
	To   string   `json:"to"`
	Zone string   `json:"zone"` // Asia/Seoul
}

// checkZones returns an error if a zone does not exist.
func (c ChangePolicy) checkZones() error {
	for i, window := range c.Windows {
		if _, err := time.LoadLocation(window.Zone); err != nil {
			return fmt.Errorf("policy.change.windows[%d].zone: %w", i, err)
		}
	}
	return nil
}
