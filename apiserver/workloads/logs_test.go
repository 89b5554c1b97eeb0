package workloads

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/problem"
)

func TestSplitBlocksKeepsAllBytesAndRunes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                  "",
		"lines":                  "one\ntwo\n\nfour\n",
		"no final newline":       "one\ntwo",
		"a long line":            strings.Repeat("x", 3*maxLine+5) + "\nnext\n",
		"a long line of 가":       "." + strings.Repeat("가", maxLine) + "\n",
		"bytes that are no text": strings.Repeat("\x80\xff", maxLine),
	} {
		blocks := bufio.NewScanner(iotest.HalfReader(strings.NewReader(text)))
		blocks.Buffer(nil, maxLine)
		blocks.Split(splitBlocks)
		var joined strings.Builder
		for blocks.Scan() {
			joined.Write(blocks.Bytes())
			if utf8.ValidString(text) && !utf8.Valid(blocks.Bytes()) {
				t.Errorf("%s: a rune is split", name)
			}
		}
		if blocks.Err() != nil || joined.String() != text {
			t.Errorf("%s: %v, %d of %d bytes", name, blocks.Err(), joined.Len(), len(text))
		}
	}
}

func TestSlowLogIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, sent := io.Pipe()
		text := &idleReader{node, time.Minute, func() { _ = sent.CloseWithError(context.Canceled) }}
		go func() {
			for range 3 {
				<-time.After(50 * time.Second)
				_, _ = sent.Write([]byte("."))
			}
		}()
		begun := time.Now()
		got, err := io.ReadAll(text)
		if took := time.Since(begun); string(got) != "..." || !errors.Is(err, context.Canceled) || took != 210*time.Second {
			t.Errorf("%q and %v after %s", got, err, took)
		}
	})
}

// transport responds to the requests of a client.
type transport func(r *http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// reader is a function that reads.
type reader func(text []byte) (int, error)

func (r reader) Read(text []byte) (int, error) { return r(text) }

func TestLogThatStopsIsNotAwaitedForever(t *testing.T) {
	t.Parallel()
	for name, node := range map[string]struct {
		respond transport
		isError bool
	}{
		"without headers": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, true},
		"at the limit": {func(r *http.Request) (*http.Response, error) {
			silence := reader(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})
			text := strings.NewReader(strings.Repeat("line\n", maxLogBytes/len("line\n")))
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.MultiReader(text, silence))}, nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				typed, err := typedcorev1.NewForConfigAndClient(&rest.Config{}, &http.Client{Transport: node.respond})
				if err != nil {
					t.Fatal(err)
				}
				log := &podLog{
					pods: typed.Pods("ml"), pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
					options: &corev1.PodLogOptions{}, timeout: time.Minute, frames: make(chan []byte),
				}
				defer close(log.frames)
				go func() {
					for range log.frames {
						continue
					}
				}()
				begun := time.Now()
				isCut, err := log.copy(t.Context())
				if took := time.Since(begun); isCut || (err != nil) != node.isError || took != time.Minute {
					t.Errorf("%t and %v after %s", isCut, err, took)
				}
			})
		})
	}
}

func FuzzLogOptions(f *testing.F) {
	for _, seed := range []string{"since=1h&tail=5&follow=true", "since=-1s", "since=9223372036854775807ns", "tail=99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		_, err := logOptions(r)
		var response *problem.Error
		if err != nil && (!errors.As(err, &response) || response.Status != http.StatusBadRequest || response.Detail == "") {
			t.Errorf("the error is not the client's: %v", err)
		}
	})
}
