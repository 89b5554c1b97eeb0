#!/usr/bin/env bash
# @huggingface/hub 2.17.5 (npm): files of one model that are downloaded one by one are in different snapshots of the cache, and none is found by its branch.
#
# Expected: downloadFileToCacheDir writes the cache of Hugging Face's libraries: snapshots/COMMIT with all files of a commit, and refs/main with the
# commit of the branch. A server with HF_HUB_OFFLINE=1 and this cache finds the model.
# Observed: without a commit as its revision, the function takes the commit that changed the file last. The weights of a model whose
# config.json was corrected later are in another snapshot than config.json, and there is no refs/main: no folder has the whole model. The same
# package's scanCacheDir finds no model in the cache, but a warning. snapshotDownload gets the commit of the branch first, and writes the cache
# as expected.
#
# The program is the Hub: it serves two files of a model, which two commits changed last.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-fund --no-audit @huggingface/hub@2.17.5 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > main.mjs <<'JS'
import http from 'node:http'
import {downloadFileToCacheDir, scanCacheDir, snapshotDownload} from '@huggingface/hub'

const commit = digit => digit.repeat(40)
const files = {
  'config.json': {oid: commit('a'), size: 2, lastCommit: {id: commit('2'), title: 'Correct it', date: '2026-01-02'}},
  'model.safetensors': {oid: commit('b'), size: 2, lastCommit: {id: commit('1'), title: 'Add it', date: '2026-01-01'}},
}
const entries = Object.entries(files).map(([path, file]) => ({type: 'file', path, ...file}))
const server = http.createServer(async (request, response) => {
  const json = value => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  if (request.url.includes('/resolve/')) {
    const whole = !request.headers.range
    response.writeHead(whole ? 200 : 206, {etag: '"e"', ...(whole ? {} : {'content-range': 'bytes 0-0/2'})})
    response.end(whole ? '{}' : '{')
  } else if (request.url.includes('/paths-info/')) {
    const {paths} = JSON.parse(Buffer.concat(await request.toArray()))
    json(entries.filter(entry => paths.includes(entry.path)))
  } else if (request.url.includes('/tree/')) {
    json(entries)
  } else {
    json({_id: 'i', id: 'org/model', sha: commit('2'), lastModified: '2026-01-02'})
  }
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

console.debug = () => {}
const from = {repo: 'org/model', hubUrl: `http://127.0.0.1:${server.address().port}`}
for (const path of Object.keys(files)) await downloadFileToCacheDir({...from, path, cacheDir: 'by-file'})
await snapshotDownload({...from, cacheDir: 'by-snapshot'})
for (const cache of ['by-file', 'by-snapshot']) {
  const {repos, warnings} = await scanCacheDir(cache)
  const warning = warnings.map(({code, path}) => `${code} ${path.split('/').slice(-2).join('/')}`)
  console.log(`scanCacheDir ${cache}: models: ${repos.map(({id}) => id.name).join() || 'none'}, warnings: ${warning.join() || 'none'}`)
}
server.close()
server.closeAllConnections()
JS
{
  node main.mjs
  find by-file by-snapshot \( -path '*/snapshots/*' -o -path '*/refs/*' \) ! -type d | sed 's/models--org--model.//; s/11*\//1...\//; s/22*\//2...\//' | LC_ALL=C sort
} > output
cat output
diff - output <<'OUT'
scanCacheDir by-file: models: none, warnings: ENOENT models--org--model/refs
scanCacheDir by-snapshot: models: org/model, warnings: none
by-file/snapshots/1.../model.safetensors
by-file/snapshots/2.../config.json
by-snapshot/refs/main
by-snapshot/snapshots/2.../config.json
by-snapshot/snapshots/2.../model.safetensors
OUT
echo 'as described'
