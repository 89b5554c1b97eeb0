#!/usr/bin/env bash
# github.com/tmc/langchaingo v0.1.14: an error that a server sends within a stream is skipped, and the part before it is the answer.
#
# Expected: a server whose stream has begun with the status 200 reports a later error as an event, data: {"error": {...}}, as vLLM, SGLang and
# OpenAI do. The client returns it, as github.com/sashabaranov/go-openai does.
# Observed: GenerateContent returns a part of the answer, or an empty one, and no error: whatever is not a chunk with choices is skipped. Retries
# and alerts in the caller do not see what failed. Without streaming the same error has a status, which is returned.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/sashabaranov/go-openai v1.43.0
	github.com/tmc/langchaingo v0.1.14
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	sashabaranov "github.com/sashabaranov/go-openai"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
)

const stream = `data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Take 2"}}]}

data: {"error":{"message":"EngineCore died","type":"InternalServerError","param":null,"code":500}}

data: [DONE]

`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, stream)
	}))
	defer server.Close()
	ctx := context.Background()

	config := sashabaranov.DefaultConfig("none")
	config.BaseURL = server.URL
	chunks := must(sashabaranov.NewClientWithConfig(config).CreateChatCompletionStream(ctx, sashabaranov.ChatCompletionRequest{
		Model: "m", Messages: []sashabaranov.ChatCompletionMessage{{Role: "user", Content: "How much?"}},
	}))
	text := ""
	for {
		chunk, err := chunks.Recv()
		if err != nil {
			fmt.Printf("go-openai:   %q, end of the stream: %t, error: %v\n", text, errors.Is(err, io.EOF), err)
			break
		}
		text += chunk.Choices[0].Delta.Content
	}

	model := must(openai.New(openai.WithBaseURL(server.URL), openai.WithToken("none"), openai.WithModel("m")))
	response, err := model.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "How much?")},
		llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	fmt.Printf("langchaingo: %q, error: %v\n", response.Choices[0].Content, err)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
go-openai:   "Take 2", end of the stream: false, error: error, EngineCore died
langchaingo: "Take 2", error: <nil>
OUT
echo 'as described'
