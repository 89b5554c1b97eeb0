#!/usr/bin/env bash
# @langchain/openai 1.6.0 (npm): without access to the internet, an answer that was streamed in whole is returned minutes later.
#
# Expected: a client of a server in the cluster, with its baseURL, makes requests to that server only. The usage of tokens is what the server
# reports with its last chunk, which ChatOpenAI asks for (stream_options.include_usage).
# Observed: invoke() of a ChatOpenAI with streaming: true counts the tokens itself when the stream has ended. For this it downloads the
# vocabulary of gpt2, whatever the model, from tiktoken.pages.dev. Where that host cannot be reached, it tries seven times with growing
# pauses for the prompt, again for the answer, and then returns the answer with a warning. getNumTokens(), which trimMessages uses to
# shorten a chat, waits in the same way. Without streaming, no such request is made.
#
# The script shortens the pauses, and adds up how long they would have been.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @langchain/openai@1.6.0 @langchain/core@1.4.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import {ChatOpenAI} from '@langchain/openai'

const usage = {prompt_tokens: 9, completion_tokens: 4, total_tokens: 13}
const chunk = (choices, rest) => `data: ${JSON.stringify({id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...rest})}\n\n`
let reported, ended
const server = http.createServer(async (request, response) => {
  let text = ''
  for await (const part of request) text += part
  const body = JSON.parse(text)
  reported = body.stream_options?.include_usage ?? false
  if (body.stream) {
    response.writeHead(200, {'content-type': 'text/event-stream'})
    response.write(chunk([{index: 0, delta: {role: 'assistant', content: '20 mg.'}, finish_reason: 'stop'}]))
    response.end(chunk([], {usage}) + 'data: [DONE]\n\n')
  } else {
    response.writeHead(200, {'content-type': 'application/json'})
    response.end(JSON.stringify({id: 'a', object: 'chat.completion', created: 1, model: 'm', usage,
      choices: [{index: 0, message: {role: 'assistant', content: '20 mg.'}, finish_reason: 'stop'}]}))
  }
  ended = true
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const baseURL = `http://127.0.0.1:${server.address().port}/v1`

// No internet: only the server can be reached.
const reach = globalThis.fetch, lookups = []
globalThis.fetch = (url, ...rest) => {
  if (String(url.url ?? url).startsWith(baseURL)) return reach(url, ...rest)
  lookups.push({url: String(url.url ?? url), ended})
  return Promise.reject(new TypeError('fetch failed'))
}
// The longest pause between attempts is about a minute. The client's own time limit is ten minutes, and stays.
const wait = globalThis.setTimeout
let pauses = 0
globalThis.setTimeout = (callback, delay = 0, ...rest) => {
  if (delay < 1000 || delay > 120_000) return wait(callback, delay, ...rest)
  pauses += delay
  return wait(callback, 1, ...rest)
}
let warnings = 0
console.warn = () => warnings++

for (const streaming of [false, true]) {
  lookups.length = pauses = warnings = 0
  ended = false
  const model = new ChatOpenAI({model: 'meta-llama/Meta-Llama-3.1-8B-Instruct', apiKey: 'none', configuration: {baseURL}, streaming})
  const answer = await model.invoke('How much?')
  console.log(`streaming: ${streaming}: ${answer.content}`)
  console.log(`  the server was asked for the usage: ${reported}`)
  console.log(`  requests for ${[...new Set(lookups.map(lookup => lookup.url))].join(', ') || 'other hosts'}: ${lookups.length}`)
  console.log(`  all of them after the answer: ${lookups.every(lookup => lookup.ended)}; pauses of two minutes or more: ${pauses >= 120_000}; warned: ${warnings > 0}`)
}
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
streaming: false: 20 mg.
  the server was asked for the usage: false
  requests for other hosts: 0
  all of them after the answer: true; pauses of two minutes or more: false; warned: false
streaming: true: 20 mg.
  the server was asked for the usage: true
  requests for https://tiktoken.pages.dev/js/gpt2.json: 14
  all of them after the answer: true; pauses of two minutes or more: true; warned: true
OUT
echo 'as described'
