#!/usr/bin/env bash
# openai 7.59.0 (npm): a Retry-After of more than a minute makes the client retry after half a second.
#
# Expected: a server that answers 429 or 503 with Retry-After is not asked again before that time, as with Retry-After: 2. If it is
# too long for the client, the call fails at once, or the client waits for as long as it can.
# Observed: a header of more than 60 seconds is ignored: the client retries after about half a second, as without the header, and its
# retries (two by default) are used up within two seconds. A server that names the minutes that a start takes gets more requests, and
# its client an earlier error, than one that names 60 seconds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import OpenAI from 'openai'

let times = []
const server = http.createServer((request, response) => {
  times.push(Date.now())
  response.writeHead(503, {'retry-after': request.url.split('/')[1]}).end()
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

for (const seconds of [3, 61, 600]) {
  times = []
  const client = new OpenAI({baseURL: `http://127.0.0.1:${server.address().port}/${seconds}`, apiKey: 'none', maxRetries: 1})
  const error = await client.chat.completions.create({model: 'm', messages: []}).catch(error => error)
  const waited = times[1] - times[0]
  console.log(`Retry-After ${seconds}: ${times.length} requests, the second ${waited < 2500 ? 'within 2.5 s' : 'after 2.5 s or more'}: ${error.status}`)
}
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
Retry-After 3: 2 requests, the second after 2.5 s or more: 503
Retry-After 61: 2 requests, the second within 2.5 s: 503
Retry-After 600: 2 requests, the second within 2.5 s: 503
OUT
echo 'as described'
