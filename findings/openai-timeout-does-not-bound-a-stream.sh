#!/usr/bin/env bash
# openai 7.59.0 (npm): the client's timeout ends a slow answer, and not a stream that stalls.
#
# Expected: the timeout bounds how long a call may take. As it ends a response whose body takes too long, it ends a stream, too, or at
# least one that sends nothing for that long.
# Observed: with stream: true, the timeout ends with the headers. A server that stops in the middle of an answer, as one does whose
# device hangs, keeps the loop over the stream waiting for as long as the connection is open. Without stream, the same silence is an
# error after the timeout.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import OpenAI from 'openai'

const head = '"id":"a","created":1,"model":"m"'
const answers = { // What the server sends before and after six seconds of silence.
  stream: [
    `data: {${head},"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Take 2"},"finish_reason":null}]}\n\n`,
    `data: {${head},"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"0 mg."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
  ],
  whole: [`{${head},"object":"chat.completion",`, '"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Take 20 mg."}}]}'],
}
const server = http.createServer((request, response) => {
  const kind = request.url.split('/')[1]
  response.writeHead(200, {'content-type': kind === 'stream' ? 'text/event-stream' : 'application/json'})
  response.write(answers[kind][0])
  setTimeout(() => response.end(answers[kind][1]), 6000)
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

for (const kind of ['whole', 'stream']) {
  const client = new OpenAI({baseURL: `http://127.0.0.1:${server.address().port}/${kind}`, apiKey: 'none', timeout: 1500, maxRetries: 0})
  const start = Date.now()
  let outcome = 'the answer'
  try {
    const answer = await client.chat.completions.create({model: 'm', messages: [], stream: kind === 'stream'})
    if (kind === 'stream') for await (const part of answer) void part
  } catch (error) {
    outcome = error.message
  }
  console.log(`${kind}: ${outcome} ${Date.now() - start < 5000 ? 'within 5 s' : 'after 6 s'}`)
}
server.closeAllConnections()
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
whole: Request timed out. within 5 s
stream: the answer after 6 s
OUT
echo 'as described'
