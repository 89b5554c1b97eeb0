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

func TestLogThatStopsIsNotAwaitedForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, sent := io.Pipe()
		log := &podLog{options: &corev1.PodLogOptions{}, timeout: time.Minute}
		limited := log.limit(node, func() { _ = sent.CloseWithError(context.Canceled) })
		go func() {
			for range 3 {
				<-time.After(50 * time.Second)
				_, _ = sent.Write([]byte("."))
			}
		}()
		begun := time.Now()
		text, err := io.ReadAll(limited)
		if took := time.Since(begun); string(text) != "..." || !errors.Is(err, context.Canceled) || took != 210*time.Second {
			t.Errorf("%q and %v after %s", text, err, took)
		}
	})
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
