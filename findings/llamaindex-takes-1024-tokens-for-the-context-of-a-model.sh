#!/usr/bin/env bash
# @llamaindex/vllm 0.0.65 and @llamaindex/openai 0.4.23 (npm): every model that is not one of OpenAI's has a context of 1024 tokens.
#
# Expected: LlamaIndex does not know the context of a model that vLLM serves: it asks the server, whose list of models has max_model_len, or an
# option sets it, or the prompt is sent as it is. A server rejects one that is too long.
# Observed: the class for vLLM, and the class for OpenAI's API that it extends, take the context for 1024 tokens, without a warning, and have
# no option for it. A memory leaves out all but the last messages of a chat, about 768 tokens; with documents, one question becomes several
# requests, each with a part of them. The model, whose context is 131,072 tokens, seems to forget.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @llamaindex/vllm@0.0.65 @llamaindex/openai@0.4.23 @llamaindex/core@0.6.23 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import {OpenAI} from '@llamaindex/openai'
import {ChatMemoryBuffer, createMemory} from '@llamaindex/core/memory'
import {getResponseSynthesizer} from '@llamaindex/core/response-synthesizers'
import {TextNode} from '@llamaindex/core/schema'
import {VLLM} from '@llamaindex/vllm'

let requests = 0
globalThis.fetch = async () => {
  requests++
  return Response.json({id: 'a', object: 'chat.completion', created: 1, model: 'm',
    choices: [{index: 0, message: {role: 'assistant', content: '20 mg.'}, finish_reason: 'stop'}]})
}
// About 2,400 tokens in 40 messages, and as many in ten documents.
const messages = Array.from({length: 20}, (_, i) => [
  {role: 'user', content: `Question ${i}: ` + 'word '.repeat(100)}, {role: 'assistant', content: 'answer '.repeat(15)}]).flat()
const nodes = Array.from({length: 10}, (_, i) => ({node: new TextNode({text: `Fact ${i}: ` + 'word '.repeat(235)}), score: 1}))

const options = {apiKey: 'none', baseURL: 'http://llama-8b.example/v1'}
for (const [title, llm] of [
  ['OpenAI, gpt-4o-mini', new OpenAI({...options, model: 'gpt-4o-mini'})],
  ['OpenAI, Llama 3.1', new OpenAI({...options, model: 'meta-llama/Meta-Llama-3.1-8B-Instruct'})],
  ['VLLM, Llama 3.1', new VLLM({model: 'meta-llama/Meta-Llama-3.1-8B-Instruct'})],
]) {
  const buffer = new ChatMemoryBuffer({llm}), memory = createMemory()
  for (const message of messages) {
    buffer.put(message)
    await memory.add(message)
  }
  const kept = [(await buffer.getMessages()).length, (await memory.getLLM(llm)).length]
  requests = 0
  await getResponseSynthesizer('compact', {llm}).synthesize({query: 'How much?', nodes})
  console.log(`${title}: context ${llm.metadata.contextWindow}; of ${messages.length} messages, ${kept.join(' and ')} are kept; one question: ${requests} requests`)
}
JS
node main.mjs > output
cat output
diff - output <<'OUT'
OpenAI, gpt-4o-mini: context 128000; of 40 messages, 40 and 40 are kept; one question: 1 requests
OpenAI, Llama 3.1: context 1024; of 40 messages, 12 and 9 are kept; one question: 4 requests
VLLM, Llama 3.1: context 1024; of 40 messages, 12 and 9 are kept; one question: 4 requests
OUT
echo 'as described'
