#!/usr/bin/env bash
# openai 7.59.0 (npm): a stream is empty, without an error, if the server answers with a whole completion or with a page for a browser.
#
# Expected: with stream: true, a response that is no text/event-stream is an error, as for @huggingface/inference, or a completion in JSON is
# returned as one chunk.
# Observed: of any response with a status of 2xx, the client reads the lines that begin with "data:", whatever its content type, and finds none: no
# chunk and no error, as if the model had nothing to say. A server without streams, a cache, or a proxy that answers 200 with its login
# page do this. Without stream, the page itself is returned as the completion, a string.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @huggingface/inference@4.13.30 openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import {InferenceClient} from '@huggingface/inference'
import OpenAI from 'openai'

const answer = {
  json: ['application/json', JSON.stringify({id: 'a', object: 'chat.completion', created: 1, model: 'm', choices: [
    {index: 0, message: {role: 'assistant', content: 'Hello'}, finish_reason: 'stop'},
  ]})],
  html: ['text/html', '<p>Log in</p>'],
}
const server = http.createServer((request, response) => {
  const [type, body] = answer[request.url.split('/')[1]]
  response.setHeader('content-type', type).end(body)
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const body = {model: 'm', messages: [{role: 'user', content: 'Hello'}]}
const count = async stream => {
  let chunks = 0
  for await (const _ of await stream) chunks++
  return `${chunks} chunks`
}
for (const kind of ['json', 'html']) {
  const endpoint = `http://127.0.0.1:${server.address().port}/${kind}`
  const show = async (name, result) => console.log(`${kind}, ${name}: ${await result.catch(error => `error: ${error.message}`)}`)
  const client = new OpenAI({baseURL: endpoint, apiKey: 'none'})
  await show('openai, stream', count(client.chat.completions.create({...body, stream: true})))
  await show('openai, no stream', client.chat.completions.create(body).then(result => result.choices?.[0].message.content ?? `${typeof result}: ${result}`))
  await show('@huggingface/inference, stream', count(new InferenceClient('none', {endpointUrl: endpoint}).chatCompletionStream(body)))
}
server.close()
server.closeAllConnections()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
json, openai, stream: 0 chunks
json, openai, no stream: Hello
json, @huggingface/inference, stream: error: Failed to perform inference: server does not support event stream content type, it returned application/json
html, openai, stream: 0 chunks
html, openai, no stream: string: <p>Log in</p>
html, @huggingface/inference, stream: error: Failed to perform inference: server does not support event stream content type, it returned text/html
OUT
echo 'as described'
