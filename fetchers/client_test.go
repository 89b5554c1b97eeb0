package fetchers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const oneSeries = `{"status":"success","warnings":["partial"],"data":{"resultType":"matrix","result":[
	{"metric":{"__name__":"DCGM_FI_DEV_GPU_TEMP","hostname":"n1","device":"nvidia0"},"values":[[1767225540,"60"],[1767225570,"61"]]}]}}`

func TestQueryReturnsTheNewestValueOfEachSeries(t *testing.T) {
	result, err := query(t, responding(http.StatusOK, "application/json", oneSeries))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Samples) != 1 || result.Samples[0].Value != 61 || !result.Samples[0].Time.Equal(noon.Add(-30*time.Second)) {
		t.Errorf("got %+v", result.Samples)
	}
	if len(result.Warnings) != 1 || result.Warnings[0] != "partial" {
		t.Errorf("got warnings %q", result.Warnings)
	}
}

func TestQueryClassifiesErrors(t *testing.T) {
	vector := `{"status":"success","data":{"resultType":"vector","result":`
	tests := map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"a log-in page of a proxy":      {responding(200, "text/html", "<html>please log in</html>"), ErrNotPrometheus},
		"HTML that claims to be JSON":   {responding(200, "application/json", "<html>"), ErrNotPrometheus},
		"a response that breaks off":    {responding(200, "application/json", oneSeries[:150]), ErrNotPrometheus},
		"nothing":                       {responding(200, "application/json", ""), ErrNotPrometheus},
		"null":                          {responding(200, "application/json", "null"), ErrNotPrometheus},
		"another API's JSON":            {responding(200, "application/json", `{"items":[]}`), ErrNotPrometheus},
		"a value that is a number":      {responding(200, "application/json", vector+`[{"metric":{},"value":[1,2]}]}}`), ErrNotPrometheus},
		"labels that are a list":        {responding(200, "application/json", vector+`[{"metric":["a"],"value":[1,"2"]}]}}`), ErrNotPrometheus},
		"a response with a tail":        {responding(200, "application/json", oneSeries+"{}"), ErrNotPrometheus},
		"a response without a type":     {responding(200, "application/json", `{"status":"success","data":{"result":[]}}`), ErrNotPrometheus},
		"no data":                       {responding(200, "application/json", `{"status":"success","data":null}`), ErrNotPrometheus},
		"series that are an object":     {responding(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":{}}}`), ErrNotPrometheus},
		"a value that is no number":     {responding(200, "application/json", vector+`[{"metric":{},"value":[1,"two"]}]}}`), ErrNotPrometheus},
		"a value without a time":        {responding(200, "application/json", vector+`[{"metric":{},"value":["2"]}]}}`), ErrNotPrometheus},
		"a time beyond all":             {responding(200, "application/json", vector+`[{"metric":{},"value":[1e300,"2"]}]}}`), ErrNotPrometheus},
		"a success that is none":        {responding(500, "application/json", oneSeries), ErrNotPrometheus},
		"a server that shuts down":      {responding(503, "application/json", `{"status":"error","errorType":"unavailable","error":"shutting down"}`), ErrRejected},
		"a scalar":                      {responding(200, "application/json", `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`), ErrNotPrometheus},
		"an unknown type":               {responding(200, "application/json", `{"status":"success","data":{"resultType":"poem","result":[]}}`), ErrNotPrometheus},
		"a page that is not there":      {responding(404, "text/plain", "404 page not found"), ErrNotPrometheus},
		"a query that Prometheus hates": {responding(400, "application/json", `{"status":"error","errorType":"bad_data","error":"parse error"}`), ErrRejected},
		"too many samples":              {responding(422, "application/json", `{"status":"error","errorType":"execution","error":"too many samples"}`), ErrRejected},
		"a gateway without a backend":   {responding(502, "text/html", "<html>bad gateway</html>"), ErrUnreachable},
		"missing credentials":           {responding(401, "text/plain", "Unauthorized"), ErrUnauthorized},
		"wrong credentials":             {responding(403, "text/plain", "Forbidden"), ErrUnauthorized},
		"a redirect to elsewhere":       {redirecting, ErrRedirected},
		"more than fits":                {flooding, ErrTooLarge},
		"a text without an end":         {responding(200, "application/json", `{"status":"`+strings.Repeat("x", 3*maxElement)), ErrTooLarge},
		"space without an end":          {responding(200, "application/json", `{"data":`+strings.Repeat(" ", 3*maxElement)), ErrTooLarge},
		"another time":                  {dated(time.Hour), ErrClock},
		"an earlier time":               {dated(-time.Hour), ErrClock},
		"a bomb":                        {responding(200, "application/json", strings.Repeat("[", 1<<20)), ErrNotPrometheus},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := query(t, test.handler)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
				t.Errorf("not fit to be shown: %.300q", err)
			}
		})
	}
}

func TestQueryReadsLongLabels(t *testing.T) {
	series := `{"metric":{"__name__":"x","padding":"` + strings.Repeat("x", 1<<20) + `"},"values":[[1,"1"]]}`
	result, err := query(t, responding(200, "application/json", `{"status":"success","data":{"resultType":"matrix","result":[`+series+`]}}`))
	if err != nil || len(result.Samples) != 1 {
		t.Errorf("got %d samples, %v", len(result.Samples), err)
	}
}

func TestQueryReportsABrokenConnectionAsUnreachable(t *testing.T) {
	for _, written := range []string{"", oneSeries[:150]} {
		_, err := query(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if written != "" {
				_, _ = io.WriteString(w, written)
				w.(http.Flusher).Flush()
			}
			panic(http.ErrAbortHandler)
		})
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("after %d bytes: got %v", len(written), err)
		}
	}
}

func TestPartialResponseOfVictoriaMetricsIsAWarning(t *testing.T) {
	for isPartial, want := range map[string]int{"true": 1, "false": 0} {
		body := `{"status":"success","isPartial":` + isPartial + `,"data":{"resultType":"matrix","result":[]}}`
		result, err := query(t, responding(http.StatusOK, "application/json", body))
		if err != nil || len(result.Warnings) != want {
			t.Errorf("%s: got %q, %v", isPartial, result.Warnings, err)
		}
	}
}

func TestQueryAcceptsFieldsInAnyOrder(t *testing.T) {
	body := `{"warnings":["w"],"more":{"deep":[{}]},"data":{"result":[
		null, {"values":[]}, {"metric":{"a":"h"},"histograms":[[1,{"count":"1"}]]},
		{"value":[ 1767225600.5 , "NaN" ],"metric":{"a":"b"}}],"stats":{},"resultType":"vector"},"status":"success"}`
	result, err := query(t, responding(http.StatusOK, "application/json", body))
	if err != nil || len(result.Samples) != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	sample := result.Samples[0]
	if sample.Labels.Get("a") != "b" || !math.IsNaN(sample.Value) || !sample.Time.Equal(noon.Add(500*time.Millisecond)) {
		t.Errorf("got %+v", sample)
	}
}

func TestQueryEndsWithItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := connect(t, ClientConfig{URL: server.URL}).Query(ctx, "up", noon)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Prometheus may be another server, which sends what it likes. Its responses to the queries of all vendors are in memory
// at once.
func TestOneLargeResponseIsReadAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		first, second := &flood{end: ended}, &flood{}
		client := newClient(&url.URL{Scheme: "http", Host: "prometheus"}, &secureTransport{next: &inTurn{bodies: []io.Reader{first, second}}})
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := client.Query(t.Context(), "up", noon)
				errs <- err
			}()
			synctest.Wait()
		}
		if first.read < MaxResponse/2 || second.read > smallResponse+1<<20 {
			t.Errorf("read %d bytes of a large response, and %d beside it", first.read, second.read)
		}
		close(ended)
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// inTurn responds with one body after the other.
type inTurn struct{ bodies []io.Reader }

func (r *inTurn) RoundTrip(request *http.Request) (*http.Response, error) {
	body := r.bodies[0]
	r.bodies = r.bodies[1:]
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(body), Request: request,
	}, nil
}

// flood is an object with fields without an end. It waits for end, if there is one, after half a response.
type flood struct {
	read int
	end  <-chan struct{}
}

func (f *flood) Read(p []byte) (int, error) {
	if f.end != nil && f.read > MaxResponse/2 {
		<-f.end
		f.end = nil
	}
	field := `"a":"` + strings.Repeat("b", 1<<16) + `",`
	n := copy(p, field[f.read%len(field):])
	if f.read == 0 {
		p[0], p[1] = '{', '"'
	}
	f.read += n
	return n, nil
}

func TestTokenIsReadForEachQueryAndNotRedirected(t *testing.T) {
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, with token %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	tokens := 0
	querier := connect(t, ClientConfig{URL: server.URL, Token: func() (string, error) {
		tokens++
		return fmt.Sprintf("token-%d", tokens), nil
	}})
	for range 2 {
		if _, err := querier.Query(t.Context(), "up", noon); !errors.Is(err, ErrRedirected) {
			t.Errorf("got %v", err)
		}
	}
	if want := "Bearer token-1 Bearer token-2"; strings.Join(seen, " ") != want {
		t.Errorf("got %q, want %q", seen, want)
	}
}

func TestNewClientRejectsOtherAddresses(t *testing.T) {
	for _, address := range []string{"", "prometheus:9090", "ftp://prometheus", "http://", "http://a b", "://"} {
		if _, err := NewClient(ClientConfig{URL: address}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

func query(t *testing.T, handler http.HandlerFunc) (QueryResult, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return connect(t, ClientConfig{URL: server.URL}).Query(t.Context(), "up", noon)
}

func connect(t *testing.T, config ClientConfig) Querier {
	t.Helper()
	querier, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return querier
}

func responding(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// dated sends a response of another time.
func dated(ahead time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		responding(http.StatusOK, "application/json", oneSeries)(w, r)
	}
}

func redirecting(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://192.0.2.1/elsewhere", http.StatusFound)
}

// flooding sends series without an end.
func flooding(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[`)
	block := []byte(`{"metric":{"a":"` + strings.Repeat("b", 1<<16) + `"}},`)
	for range MaxResponse/len(block) + 1 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}
