// `npm run dev`: rebuild and restart when a source changes.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { devLoop } from './lib/dev-loop.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { onLeave } from './lib/leave.mjs'
import { fail, since, step } from './lib/log.mjs'
import { root } from './lib/paths.mjs'
import { serve } from './lib/serve.mjs'
import { missingTools } from './lib/tools.mjs'

const help = `
npm run dev [-- --release] [-- --serve <file>]

Builds (the addon in the dev profile), serves examples/hello, and does both again whenever crates/, src/ or the example
changes. A build that fails leaves the running server alone.

  --release        the addon as it is shipped
  --serve <file>   another server than examples/hello/server.mjs
`

const options = args(help, {
  release: { type: 'boolean' },
  serve: { type: 'string', default: 'examples/hello/server.mjs' },
})
const script = join(root, options.serve)
if (!existsSync(script)) fail(`${options.serve} does not exist`)

let server
const { leaving } = onLeave(
  async () => {
    await server?.stop()
    return 0
  },
  () => server?.kill('SIGTERM'),
)

const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()

async function cycle(changed) {
  if (leaving()) return
  const start = performance.now()
  step(`building${changed ? ` (${changed})` : ''}`)
  const debug = !options.release
  if (!(await buildNative({ debug })) || !(await buildTs()))
    return step('not built; waiting for the next change')
  step(`built in ${since(start)}`)
  await server?.stop()
  if (leaving()) return
  server = serve(script)
}

devLoop(root, ['crates', 'src', 'examples/hello'], cycle)
