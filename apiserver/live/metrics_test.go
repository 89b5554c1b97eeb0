package live_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
)

func TestAgeOfACacheThatCannotBeUpdated(t *testing.T) {
	t.Parallel()
	system, err := kube.NewSystemClient(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	now := time.Unix(1000, 0)
	cache, err := live.New(ctx, system, func() time.Time { return now })
	if err != nil {
		t.Fatal("without Kubernetes: ", err)
	}
	if text, err := testutil.CollectAndFormat(cache.Collector(), expfmt.TypeTextPlain, "nufi_apiserver_cache_age_seconds"); err != nil || strings.Count(string(text), "} 0") != 5 {
		t.Errorf("before the first call, the ages are %s: %v", text, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	for cache.UnreachableSince(live.NpuDeploys).IsZero() {
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	now = now.Add(time.Minute)
	text, err := testutil.CollectAndFormat(cache.Collector(), expfmt.TypeTextPlain, "nufi_apiserver_cache_age_seconds")
	if want := `{resource="npudeploys"} 60`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("the ages are %s, want %s: %v", text, want, err)
	}
}
