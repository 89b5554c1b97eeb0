#!/usr/bin/env bash
# openai 7.59.0 (npm) in Node v20.20.2: a request fails after five minutes without a byte, whatever the client's timeout.
#
# Expected: `timeout`, ten minutes by default, is how long the client waits for an answer. With an hour, a slow server, a long answer without a
# stream, or a first request to a server that still loads its model gets that time.
# Observed: Node's own fetch gives up after 300 seconds without headers. A stream ends after 300 seconds without a chunk, with an error that is
# none of the client's classes. Only a `fetch` with other limits (an Agent of the package undici) changes either. As with any lost connection,
# the client then sends the request again, twice by default, while a server may still work on the first.
#
# It takes more than five minutes, and runs in the Node that is installed, whose version it prints.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
node --version >&2
npm install --silent --no-fund --no-audit openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import OpenAI from 'openai'

const requests = {}
let repeated
const isRepeated = new Promise(resolve => { repeated = resolve })
const server = http.createServer((request, response) => {
  const path = request.url.split('/')[1]
  requests[path] = (requests[path] ?? 0) + 1
  if (path === 'stream') {
    response.writeHead(200, {'content-type': 'text/event-stream'}).write('data: {"choices": []}\n\n')
  }
  if (requests.defaults === 2) repeated()
})
server.requestTimeout = 0
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const hour = 3_600_000
const client = (path, options) => new OpenAI({baseURL: `http://127.0.0.1:${server.address().port}/${path}`, apiKey: 'none', ...options})
const call = (path, options, stream) => client(path, options).chat.completions.create({model: 'm', messages: [], stream})
const began = Date.now()
const failure = async promise => {
  const error = await promise.then(() => ({}), error => error)
  const seconds = (Date.now() - began) / 1000
  return `${seconds >= 299 && seconds < 320 ? 'fails after about 300 s' : seconds}, an error of the client: ${error instanceof OpenAI.APIError}`
}
call('defaults', {timeout: hour}).catch(() => {})
const [answer, stream] = await Promise.all([
  failure(call('answer', {timeout: hour, maxRetries: 0})),
  failure((async () => { for await (const _ of await call('stream', {timeout: hour, maxRetries: 0}, true)); })()),
])
console.log(`a timeout of an hour: ${answer}`)
console.log(`a stream: ${stream}`)
await isRepeated
console.log('with its retries, the client sends the request again')
process.exit()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
a timeout of an hour: fails after about 300 s, an error of the client: true
a stream: fails after about 300 s, an error of the client: false
with its retries, the client sends the request again
OUT
echo 'as described'
