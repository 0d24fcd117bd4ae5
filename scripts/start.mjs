// `npm start`: from a fresh clone to a running server.
import { join } from 'node:path'
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { onLeave } from './lib/leave.mjs'
import { bold, fail, since, step } from './lib/log.mjs'
import { root } from './lib/paths.mjs'
import { serve } from './lib/serve.mjs'
import { missingTools } from './lib/tools.mjs'

const help = `
npm start

Checks the tools, installs what npm needs, builds what is stale, and serves examples/hello until Ctrl-C.
Environment: PORT (default 3000; 0 takes a free one).
`

args(help)

let server
const { leaving } = onLeave(
  async () => {
    const code = server ? await server.stop() : 0
    return code === 0 || code === 'SIGTERM' ? 0 : 1
  },
  () => server?.kill('SIGTERM'), // The second signal ends a server at once.
)

step('checking Node.js, Rust and a C compiler')
const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()

const start = performance.now()
step('building (the first time takes a few minutes)')
if (!(await buildNative())) fail('the native build failed', 'The messages of cargo are above.')
if (!(await buildTs())) fail('the TypeScript build failed', 'The messages are above.')
step(`built in ${since(start)}`)

step('starting examples/hello')
server = serve(join(root, 'examples/hello/server.mjs'))
const url = (await server.url)?.replace(/\/$/, '')
if (!url) {
  if (leaving()) await new Promise(() => {}) // The process ends when the server has.
  fail(
    'the server ended before it listened',
    'Its message is above. If the port is taken: PORT=4000 npm start',
  )
}
console.log(`
${bold(`Armature listens on ${url}`)}. Three things to try in another terminal:

  curl ${url}
  curl ${url}/users/42
  curl -d '{"say":"hello"}' -H 'content-type: application/json' ${url}/echo

Ctrl-C stops it.`)

const code = await server.ended
if (!leaving()) fail(`the server ended by itself (${code})`)
