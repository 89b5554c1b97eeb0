package apiserver_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudaji/nufi/test/harness/apitest"
	"github.com/dudaji/nufi/test/harness/cputime"
)

// The sizes of what is measured: open tabs, and changes each second for some seconds.
const (
	tabs    = 500
	changes = 10
	seconds = 10
)

// visit reads a page, or a file that it loads, and returns it with its size on the wire.
func visit(s *apitest.Server, path string, headers ...string) (response apitest.Response, size int) {
	s.Helper()
	response = s.Do("ann", http.MethodGet, path, "", append(headers, "Accept", "text/html", "Accept-Language", "en")...).Want(http.StatusOK)
	return response, len(response.Body)
}

// BenchmarkDashboardVisit measures what a browser loads at first, and until it has shown all deployments,
// against the list of REST.
func BenchmarkDashboardVisit(b *testing.B) {
	s := populate(b, listed)
	path := "/?project=" + s.Namespace
	var first, all, pages int
	for b.Loop() {
		page, _ := visit(s, path)
		first, all, pages = 0, 0, 0
		for _, file := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(page.Body), -1) {
			_, size := visit(s, file, "Accept-Encoding", "gzip")
			first += size
		}
		for number := 1; number <= listed/100; number++ {
			_, size := visit(s, fmt.Sprintf("%s&page=%d", path, number), "Accept-Encoding", "gzip")
			if number == 1 {
				first += size
				all = first
			} else {
				all += size
			}
			pages++
		}
	}
	response, list := visit(s, deploys)
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(response.Body) // a buffer returns no error
	s.Must(writer.Close())
	b.ReportMetric(float64(first), "first-bytes")
	b.ReportMetric(float64(all), "bytes")
	b.ReportMetric(float64(pages+2), "requests")
	b.ReportMetric(float64(list), "REST-bytes")
	b.ReportMetric(float64(compressed.Len()), "REST-compressed-bytes")
	b.ReportMetric(float64(all)/float64(list), "ratio")
}

// BenchmarkDashboardTabs measures the memory of open lists, and the CPU and the bytes of changes that all
// of them show. The CPU includes the clients, and that of the same changes without a tab is subtracted.
func BenchmarkDashboardTabs(b *testing.B) {
	s := populate(b, listed)
	page, _ := visit(s, "/?project="+s.Namespace)
	stream := strings.ReplaceAll(regexp.MustCompile(`/live\?[^"]+`).FindString(string(page.Body)), "&amp;", "&")
	for b.Loop() {
		idle := change(b, s)
		before := memory()
		open := make([]net.Conn, tabs)
		var received atomic.Int64
		for i := range open {
			open[i] = dial(s, stream)
			readTo(b, open[i], "event: stale")
			go count(b, open[i], &received)
		}
		held := memory() - before
		received.Store(0)
		busy := change(b, s)
		s.Await("all changes in all tabs", func() bool { return received.Load() >= tabs*changes*seconds*500 })
		b.ReportMetric(float64(held)/(1<<20), "MiB")
		b.ReportMetric((busy-idle).Seconds()/seconds, "cores")
		b.ReportMetric(float64(received.Load())/(tabs*changes*seconds), "bytes/change")
		for _, connection := range open {
			s.Must(connection.Close())
		}
	}
}

// count counts the bytes that a connection receives, until it is closed.
func count(b *testing.B, connection net.Conn, received *atomic.Int64) {
	b.Helper()
	buffer := make([]byte, 4<<10)
	for {
		n, err := connection.Read(buffer)
		received.Add(int64(n))
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}

// change changes deployments at a steady rate, and returns the CPU time of it.
func change(b *testing.B, s *apitest.Server) time.Duration {
	b.Helper()
	spent := cputime.Self(b)
	tick := time.NewTicker(time.Second / changes)
	defer tick.Stop()
	for i := range changes * seconds {
		<-tick.C
		s.Do("ann", http.MethodPatch, fmt.Sprintf("%s/deploy-%04d", deploys, i), fmt.Sprintf(`{"metadata": {"annotations": {"at": %q}}}`, time.Now())).Want(http.StatusOK)
	}
	return cputime.Self(b) - spent
}
