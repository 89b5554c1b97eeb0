package monitoring

import (
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/teststorage"
	webv1 "github.com/prometheus/prometheus/web/api/v1"
)

// server is Prometheus without scraping: tests store expositions directly.
type server struct {
	storage *teststorage.TestStorage
	engine  *promql.Engine
	parser  parser.Parser
	series  map[string]labels.Labels // of the last scrape
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	s := &server{storage: teststorage.New(tb), parser: parser.NewParser(parser.Options{}), series: map[string]labels.Labels{}}
	s.engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: s.parser,
	})
	tb.Cleanup(func() { _ = s.engine.Close() })
	return s
}

// growth is a value that grows at each scrape: 7+2 is 7, then 9, then 11.
var growth = regexp.MustCompile(`(?m) ([0-9.]+)\+([0-9.]+)$`)

// scrape stores an exposition, and ends the series that it no longer contains. count is the number
// of earlier scrapes of the same exposition.
func (s *server) scrape(tb testing.TB, exposition []byte, at time.Time, count int) {
	tb.Helper()
	exposition = growth.ReplaceAllFunc(exposition, func(match []byte) []byte {
		parts := growth.FindSubmatch(match)
		start, _ := strconv.ParseFloat(string(parts[1]), 64)
		step, _ := strconv.ParseFloat(string(parts[2]), 64)
		return strconv.AppendFloat([]byte(" "), start+step*float64(count), 'f', -1, 64)
	})
	appender := s.storage.Appender(tb.Context())
	seen := map[string]labels.Labels{}
	p, err := textparse.New(exposition, "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatalf("parsing an exposition: %v", err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var of labels.Labels
		_, own, v := p.Series()
		p.Labels(&of)
		stamp := at.UnixMilli()
		if own != nil {
			stamp = *own
		}
		of = labels.NewBuilder(of).Labels() // A scrape drops empty labels.
		seen[of.String()] = of
		if _, err := appender.Append(0, of, stamp, v); err != nil {
			tb.Fatalf("storing %s: %v", of, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.series)) {
		if _, ok := seen[name]; !ok {
			if _, err := appender.Append(0, s.series[name], at.UnixMilli(), math.Float64frombits(value.StaleNaN)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := appender.Commit(); err != nil {
		tb.Fatal(err)
	}
	s.series = seen
}

// query runs an expression at one time.
func (s *server) query(tb testing.TB, expression string, at time.Time) promql.Vector {
	tb.Helper()
	query, err := s.engine.NewInstantQuery(tb.Context(), s.storage, nil, expression, at)
	if err != nil {
		tb.Fatalf("parsing %s: %v", expression, err)
	}
	defer query.Close()
	result := query.Exec(tb.Context())
	vector, err := result.Vector()
	if err != nil {
		tb.Fatalf("running %s: %v", expression, err)
	}
	return slices.Clone(vector)
}

// serve starts Prometheus's HTTP API over the storage and returns its URL.
func (s *server) serve(tb testing.TB) string {
	tb.Helper()
	ready := func(handler http.HandlerFunc) http.HandlerFunc { return handler }
	api := webv1.NewAPI(s.engine, s.storage, nil, nil, s.storage, nil, nil, nil,
		func() config.Config { return config.Config{} }, nil, webv1.GlobalURLOptions{}, ready,
		nil, "", false, false, 0, promslog.NewNopLogger(), nil, 0, 0, 0, false,
		nil, nil, &webv1.PrometheusVersion{}, nil, nil, nil, nil, nil,
		false, nil, false, false, false, false, 5*time.Minute, false, false, nil,
		features.NewRegistry(), webv1.OpenAPIOptions{}, s.parser)
	router := route.New()
	api.Register(router.WithPrefix("/api/v1"))
	server := httptest.NewServer(router)
	tb.Cleanup(server.Close)
	return server.URL
}
