#!/usr/bin/env bash
# openai 7.59.0 (npm): a stream that ends without finish_reason and [DONE] is a complete answer for the loop over it.
#
# Expected: a chat completion with stream: true ends with a chunk that has a finish_reason, and with [DONE]. If the response
# ends before these, as when a server stops or a proxy closes it in order, the client throws.
# Observed: `for await` over create({stream: true}) ends as after a whole answer: the caller has a part of the text and no error, and
# nothing is retried. Of the same response, the same package's stream() helper throws "missing finish_reason".
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

const server = http.createServer((request, response) => {
  response.writeHead(200, {'content-type': 'text/event-stream'})
  response.write(chunk({role: 'assistant', content: 'Take 2'}))
  if (request.url.startsWith('/whole')) response.write(chunk({content: '0 mg.'}) + chunk({}, 'stop') + 'data: [DONE]\n\n')
  response.end()
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const messages = [{role: 'user', content: 'How much?'}]
for (const path of ['whole', 'cut']) {
  const client = new OpenAI({baseURL: `http://127.0.0.1:${server.address().port}/${path}`, apiKey: 'none'})
  const show = async (title, read) => console.log(`${path}, ${title}: ${await read().catch(error => `error: ${error.message}`)}`)
  await show('loop', async () => {
    let text = ''
    for await (const part of await client.chat.completions.create({model: 'm', messages, stream: true}))
      text += part.choices[0].delta.content ?? ''
    return text
  })
  await show('stream()', () => client.chat.completions.stream({model: 'm', messages}).finalContent())
}
server.close()
JS
node main.mjs > output
cat output
diff - output <<'OUT'
whole, loop: Take 20 mg.
whole, stream(): Take 20 mg.
cut, loop: Take 2
cut, stream(): error: missing finish_reason for choice 0
OUT
echo 'as described'
