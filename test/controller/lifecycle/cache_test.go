package lifecycle_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestClaimForTheCacheFollowsThePolicy(t *testing.T) {
	h := harness.New(t)
	f, c := startWithFolder(h)
	const without = `kind:      "HostPath"`
	const with = `kind: "PersistentVolumeClaim", claim: {size: "1Gi", storageClassName: "first", accessModes: ["ReadWriteMany"]}`
	f.policy(without, with)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "web-model-cache"}}
	h.AwaitObject(claim, "its creation", func() bool { return true })
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)

	// No volume exists: a claim that waits causes no requests.
	c.AwaitQuiet(h, h.Namespace, quietTime)
	deleted := claim.UID
	h.Delete(claim)
	h.AwaitObject(claim, "its replacement", func() bool { return claim.UID != deleted })
	c.AwaitQuiet(h, h.Namespace, quietTime)

	// A claim keeps its class, so that a set with another one is not served.
	other := strings.Replace(with, "first", "other", 1)
	f.policy(with, other)
	h.Await("the rejection", func() bool { return c.Metric(h, "nufi_templates_rejected_total") == 1 })
	h.Await("the log line", func() bool { return f.log.contain("PersistentVolumeClaim web-model-cache") })

	f.policy(other, without)
	h.AwaitGone(claim)
	h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
}
