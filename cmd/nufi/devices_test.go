package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// respondingWith returns a Prometheus that responds to a query with the series of the metrics that it
// names. Metrics are lines of name, labels as JSON, and value.
func respondingWith(metrics string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var series []string
		for line := range strings.Lines(metrics) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			labels, value, _ := strings.Cut(rest, "} ")
			if name != "" && strings.Contains(r.FormValue("query"), name) {
				series = append(series, fmt.Sprintf(`{"metric":{"__name__":%q,%s},"values":[[%d,%q]]}`,
					name, strings.TrimPrefix(labels, "{"), time.Now().Unix(), value))
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(series, ","))
	}
}

// answeringAt is a Prometheus with one series, whose sample has an age, and a warning if it is
// not empty.
func answeringAt(age time.Duration, labels, warning string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		series, warnings := "", "[]"
		if labels != "" && strings.Contains(r.FormValue("query"), "rbln_npu_utilization") {
			series = fmt.Sprintf(`{"metric":{"__name__":"rbln_npu_utilization",%s},"values":[[%d,"1"]]}`, labels, time.Now().Add(age).Unix())
		}
		if warning != "" {
			warnings = fmt.Sprintf("[%q]", warning)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","warnings":%s,"data":{"resultType":"matrix","result":[%s]}}`, warnings, series)
	}
}

const twoDevices = `
rbln_npu_utilization {"hostname":"atom-1","name":"rbln0","card":"RBLN-CA25","namespace":"ml-serving","pod":"llama-8b-0"} 93.5
rbln_npu_memory_used {"hostname":"atom-1","name":"rbln0"} 15032385536
rbln_npu_memory_total {"hostname":"atom-1","name":"rbln0"} 16877882368
rbln_npu_temperature {"hostname":"atom-1","name":"rbln0"} 54
rbln_npu_power {"hostname":"atom-1","name":"rbln0"} 61
rbln_npu_health {"hostname":"atom-1","name":"rbln0"} 0
DCGM_FI_DEV_XID_ERRORS {"Hostname":"gpu-1","device":"nvidia0"} 79
DCGM_FI_DEV_GPU_TEMP {"Hostname":"gpu-1","device":"nvidia0"} NaN
`

func TestDevicesPrintsATable(t *testing.T) {
	code, out, stderr := runDevices(t, respondingWith(twoDevices))
	want := `NODE    DEVICE   TYPE  MODEL      UTIL  MEMORY       TEMP  POWER  HEALTH              POD                    AGE
atom-1  rbln0    RBLN  RBLN-CA25  94%   14.0/15.7Gi  54C   61W    Healthy             ml-serving/llama-8b-0  N
gpu-1   nvidia0  GPU   -          -     -            -     -      Unhealthy (XID 79)  -                      N
`
	for _, age := range []string{"0s", "1s", "2s"} {
		out = strings.ReplaceAll(out, " "+age+"\n", " N\n")
	}
	if diff := cmp.Diff(want, out); code != 0 || diff != "" {
		t.Errorf("exit %d, table differs (-want +got):\n%s", code, diff)
	}
	if want := "nufi: GPU: dropped samples: 1 not a number\n"; stderr != want {
		t.Errorf("stderr has %q, want %q", stderr, want)
	}
}

func TestDevicesPrintsJSONAndYAML(t *testing.T) {
	_, out, _ := runDevices(t, respondingWith(twoDevices), "-o", "json")
	var devices []map[string]any
	if err := json.Unmarshal([]byte(out), &devices); err != nil || len(devices) != 2 {
		t.Fatalf("got %d devices, %v", len(devices), err)
	}
	if _, found := devices[1]["utilization"]; found {
		t.Error("what is absent has a value")
	}
	_, out, _ = runDevices(t, respondingWith(twoDevices), "-o", "yaml")
	if !strings.HasPrefix(out, "---\n- deviceID: rbln0\n") {
		t.Errorf("got %q", out)
	}
}

func TestDevicesExitCodeDependsOnTheError(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		code    int
		message string
	}{
		"no metrics":          {respondingWith(""), exitNoDevices, "no devices: Prometheus has no recent samples"},
		"old samples":         {answeringAt(-6*time.Minute, `"hostname":"atom-1","name":"rbln0"`, ""), exitNoDevices, "RBLN samples: 1 too old; raise --max-age"},
		"a clock ahead":       {answeringAt(time.Hour, `"hostname":"atom-1","name":"rbln0"`, ""), exitNoDevices, "RBLN samples: 1 from the future; compare the clocks"},
		"no node":             {answeringAt(0, `"name":"rbln0"`, ""), exitNoDevices, "RBLN samples: 1 no node label; let the scrape add the label node"},
		"a warning of Thanos": {answeringAt(-time.Hour, "", "store unreachable"), exitNoDevices, "Prometheus warns: store unreachable"},
		"no credentials":      {status(http.StatusUnauthorized), exitUnauthorized, "nufi: querying Prometheus: unauthorized: 401 Unauthorized"},
		"no backend":          {status(http.StatusBadGateway), exitUnreachable, "nufi: querying Prometheus: unreachable: 502 Bad Gateway"},
		"something else":      {status(http.StatusOK), exitFailure, "not a response of Prometheus"},
		"no response in time": {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, exitUnreachable, "no response within 200ms"},
		"a broken connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, exitUnreachable, "unreachable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, stderr := runDevices(t, test.handler, "--timeout", "200ms")
			if code != test.code || out != "" || !strings.Contains(stderr, test.message) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, stdout %q, stderr %q; want exit %d and %q", code, out, stderr, test.code, test.message)
			}
		})
	}
}

func TestDevicesSendsTheTokenAndVerifiesTheServer(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		respondingWith(twoDevices)(w, r)
	}))
	t.Cleanup(server.Close)
	token := written(t, "token", "secret\n")
	authority := written(t, "ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))

	tests := map[string]struct {
		args []string
		code int
	}{
		"both":               {[]string{"--token-file", token, "--ca-file", authority}, 0},
		"no authority":       {[]string{"--token-file", token}, exitUnreachable},
		"no token":           {[]string{"--ca-file", authority}, exitUnauthorized},
		"no such token":      {[]string{"--ca-file", authority, "--token-file", token + "x"}, exitUnauthorized},
		"no certificate":     {[]string{"--ca-file", token}, exitFailure},
		"half a client pair": {[]string{"--ca-file", authority, "--cert-file", authority}, exitFailure},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, stderr := runCommand(t.Context(), append([]string{"devices", "--prometheus", server.URL}, test.args...), io.Discard)
			if code != test.code || strings.Contains(stderr, "secret") {
				t.Errorf("exit %d, stderr %q; want exit %d", code, stderr, test.code)
			}
		})
	}
}

func TestDevicesWatchPrintsChanges(t *testing.T) {
	server := httptest.NewServer(respondingWith(twoDevices))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	printed := &cancelling{cancel: cancel}
	code, _ := runCommand(ctx, []string{"devices", "--prometheus", server.URL, "--watch", "--interval", "1ms"}, printed)
	if code != 0 || !strings.Contains(printed.String(), "rbln0") || ctx.Err() != context.Canceled {
		t.Errorf("exit %d, printed %q, %v", code, printed, ctx.Err())
	}
}

// cancelling ends the command once it has printed.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	defer c.cancel()
	return c.Buffer.Write(p)
}

func runDevices(t *testing.T, handler http.HandlerFunc, args ...string) (code int, out, stderr string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	var stdout bytes.Buffer
	code, stderr = runCommand(t.Context(), append([]string{"devices", "--prometheus", server.URL}, args...), &stdout)
	return code, stdout.String(), stderr
}

func runCommand(ctx context.Context, args []string, out io.Writer) (code int, errors string) {
	var stderr bytes.Buffer
	cmd := newCommand() //nolint:contextcheck // The command takes its context when it runs.
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(&stderr)
	code = report(&stderr, cmd.ExecuteContext(ctx))
	return code, stderr.String()
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
