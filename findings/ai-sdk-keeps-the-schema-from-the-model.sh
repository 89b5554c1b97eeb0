#!/usr/bin/env bash
# ai 7.0.173 with @ai-sdk/openai-compatible 3.0.92 (npm): the schema of a structured output is sent to no server, neither as response_format nor in the prompt.
#
# Expected: generateText with Output.object({schema}) constrains the model by response_format: {type: "json_schema"}, which vLLM and SGLang
# implement, or at least describes the schema in the prompt.
# Observed: the request has response_format: {type: "json_object"} and the prompt alone: the model does not learn which fields it should
# write. Its answer is then validated against the schema, and most often fails: NoObjectGeneratedError. The warning says that the feature
# "responseFormat" is not supported. With supportsStructuredOutputs: true in createOpenAICompatible, the schema is sent; @ai-sdk/openai does without.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 zod@4 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import {createOpenAICompatible} from '@ai-sdk/openai-compatible'
import {generateText, Output} from 'ai'
import {z} from 'zod'

globalThis.AI_SDK_LOG_WARNINGS = false
const schema = z.object({doseInMilligrams: z.number()})
let sent
// A server whose model writes the field that the request names, and any other JSON if it names none.
const fetch = async (_, {body}) => {
  sent = body
  const content = body.includes('doseInMilligrams') ? '{"doseInMilligrams": 20}' : '{"dose": "20 mg"}'
  return Response.json({id: 'a', object: 'chat.completion', created: 1, model: 'm',
    choices: [{index: 0, message: {role: 'assistant', content}, finish_reason: 'stop'}],
    usage: {prompt_tokens: 1, completion_tokens: 1, total_tokens: 2}})
}
for (const options of [{}, {supportsStructuredOutputs: true}]) {
  const provider = createOpenAICompatible({name: 'cluster', baseURL: 'http://llama-8b.example/v1', fetch, ...options})
  const result = await generateText({model: provider('m'), output: Output.object({schema}), prompt: 'How much?'})
    .then(({output}) => JSON.stringify(output), error => error.name)
  const {response_format, messages} = JSON.parse(sent)
  console.log(`${JSON.stringify(options)}: ${response_format.type}, ${JSON.stringify(messages)}, names the field: ${sent.includes('doseInMilligrams')}: ${result}`)
}
JS
node main.mjs > output
cat output
diff - output <<'OUT'
{}: json_object, [{"role":"user","content":"How much?"}], names the field: false: AI_NoObjectGeneratedError
{"supportsStructuredOutputs":true}: json_schema, [{"role":"user","content":"How much?"}], names the field: true: {"doseInMilligrams":20}
OUT
echo 'as described'
