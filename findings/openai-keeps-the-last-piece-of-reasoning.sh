#!/usr/bin/env bash
# openai 7.59.0 (npm): the final message of stream() has only the last piece of the reasoning, and the whole content.
#
# Expected: stream() adds up the pieces of a message. vLLM and SGLang stream what a model thinks as delta.reasoning_content (vLLM later as
# delta.reasoning); finalMessage() has either all of it, as it has the content, or none.
# Observed: content, refusal and the arguments of tools are appended; every other text of a delta replaces the one before it. The field is there
# and looks like an answer, with the last token of the reasoning. Logs and evaluations that read it have lost the rest, without an error. The event
# chunk has each piece.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit openai@7.59.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import OpenAI from 'openai'

const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({
  id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{index: 0, delta, finish_reason}],
})}\n\n`
const deltas = [
  {role: 'assistant', content: ''},
  {reasoning_content: 'Two and '}, {reasoning_content: 'two are '}, {reasoning_content: 'four.'},
  {content: 'It '}, {content: 'is '}, {content: '4.'},
]
const server = http.createServer((request, response) => {
  response.writeHead(200, {'content-type': 'text/event-stream'})
  response.end(deltas.map(delta => chunk(delta)).join('') + chunk({}, 'stop') + 'data: [DONE]\n\n')
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const client = new OpenAI({baseURL: `http://127.0.0.1:${server.address().port}`, apiKey: 'none'})
const stream = client.chat.completions.stream({model: 'm', messages: [{role: 'user', content: 'What is 2 + 2?'}]})
let reasoning = ''
stream.on('chunk', chunk => { reasoning += chunk.choices[0].delta.reasoning_content ?? '' })
const message = await stream.finalMessage()
console.log(`content:            ${message.content}`)
console.log(`reasoning_content:  ${message.reasoning_content}`)
console.log(`that of the chunks: ${reasoning}`)
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
content:            It is 4.
reasoning_content:  four.
that of the chunks: Two and two are four.
OUT
echo 'as described'
