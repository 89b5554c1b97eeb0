#!/usr/bin/env bash
# @huggingface/inference 4.13.30 (npm): a server that answers 503 gets the same request again and again, without a pause and without an end.
#
# Expected: the option retry_on_error, true by default, means a few retries with growing pauses, as in other clients, and the call fails in
# the end. A Retry-After is followed.
# Observed: each 503 is answered by the next request at once, also with Retry-After: 60, until the server answers otherwise or the caller
# aborts. A server at zero replicas, for which the gateway answers 503 for the minutes of a start, gets requests from each caller as fast
# as it answers them, each with the whole prompt, and the caller gets no error. With retry_on_error: false there is one request.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @huggingface/inference@4.13.30 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import {InferenceClient} from '@huggingface/inference'

const enough = 100
let requests, controller
const server = http.createServer((request, response) => {
  requests++
  response.writeHead(503, {'retry-after': '60'}).end()
  if (requests === enough) controller.abort()
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const client = new InferenceClient('none', {endpointUrl: `http://127.0.0.1:${server.address().port}`})
const calls = {
  chatCompletion: (body, options) => client.chatCompletion(body, options),
  chatCompletionStream: (body, options) => client.chatCompletionStream(body, options).next(),
}
for (const [name, call] of Object.entries(calls)) {
  for (const retry_on_error of [undefined, false]) {
    requests = 0
    controller = new AbortController()
    const start = Date.now()
    const error = await call({model: 'm', messages: []}, {signal: controller.signal, retry_on_error}).catch(error => error)
    console.log(`${name}, retry_on_error ${retry_on_error}: ${requests} requests ${Date.now() - start < 30000 ? 'in less than 30 s' : 'in 30 s or more'}: ${error.name}`)
  }
}
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
chatCompletion, retry_on_error undefined: 100 requests in less than 30 s: AbortError
chatCompletion, retry_on_error false: 1 requests in less than 30 s: ProviderApiError
chatCompletionStream, retry_on_error undefined: 100 requests in less than 30 s: AbortError
chatCompletionStream, retry_on_error false: 1 requests in less than 30 s: ProviderApiError
OUT
echo 'as described'
