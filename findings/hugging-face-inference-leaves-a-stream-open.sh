#!/usr/bin/env bash
# @huggingface/inference 4.13.30 (npm): after a break out of the loop over a stream, the server goes on generating.
#
# Expected: `break` in `for await` over a stream ends the request, as in OpenAI's client: the connection closes, and the server aborts the
# generation.
# Observed: the client only releases its reader. The connection stays open until Node collects the response as garbage, if ever; the server sees
# a client that reads, and generates up to max_tokens in vain. A caller that stops at a word occupies the devices as one that wants
# the whole answer. An AbortController, whose signal is passed as an option, ends the request.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @huggingface/inference@4.13.30 openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import {InferenceClient} from '@huggingface/inference'
import OpenAI from 'openai'

// The server sends a word each 20 ms, and stops when the connection closes or after 200 words.
const chunk = content => `data: ${JSON.stringify({
  id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{index: 0, delta: {content}, finish_reason: null}],
})}\n\n`
let ended
const server = http.createServer((request, response) => {
  response.writeHead(200, {'content-type': 'text/event-stream'})
  let words = 0
  const timer = setInterval(() => {
    response.write(chunk('word '))
    if (++words === 200) response.end()
  }, 20)
  response.on('close', () => {
    clearInterval(timer)
    ended(words < 200 ? 'the server stopped early' : 'the server sent all 200 words')
  })
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const endpoint = `http://127.0.0.1:${server.address().port}`
const body = {model: 'm', messages: [{role: 'user', content: 'Hello'}]}
const hugging = new InferenceClient('none', {endpointUrl: endpoint})
const streams = {
  'openai': () => new OpenAI({baseURL: endpoint, apiKey: 'none'}).chat.completions.create({...body, stream: true}),
  '@huggingface/inference': () => hugging.chatCompletionStream(body),
  '@huggingface/inference, aborted': controller => hugging.chatCompletionStream(body, {signal: controller.signal}),
}
for (const [name, open] of Object.entries(streams)) {
  const end = new Promise(resolve => { ended = resolve })
  const controller = new AbortController()
  for await (const part of await open(controller)) {
    if (part.choices[0].delta.content === 'word ') break
  }
  if (name.endsWith('aborted')) controller.abort()
  console.log(`${name}: ${await end}`)
}
server.close()
server.closeAllConnections()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
openai: the server stopped early
@huggingface/inference: the server sent all 200 words
@huggingface/inference, aborted: the server stopped early
OUT
echo 'as described'
