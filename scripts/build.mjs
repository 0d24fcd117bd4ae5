// `npm run build`: native/ from crates/, dist/ from src/.
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { fail, since, step } from './lib/log.mjs'
import { missingTools } from './lib/tools.mjs'

const help = `
npm run build [-- --debug]

Builds the addon (native/) and the TypeScript facade (dist/).

  --native   only the addon       (npm run build:native)
  --ts       only the facade      (npm run build:ts)
  --debug    the addon in the dev profile: compiles much faster, runs much slower
`

const options = args(help, {
  native: { type: 'boolean' },
  ts: { type: 'boolean' },
  debug: { type: 'boolean' },
})
const all = !options.native && !options.ts

const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()

if (all || options.native) {
  const start = performance.now()
  step(`native: cargo builds crates/ into native/${options.debug ? ' (dev profile)' : ''}`)
  if (!(await buildNative(options))) fail('the native build failed', 'The messages of cargo are above.')
  step(`native: done in ${since(start)}`)
}
if (all || options.ts) {
  const start = performance.now()
  step('ts: tsc builds src/ into dist/')
  if (!(await buildTs())) fail('the TypeScript build failed', 'The messages are above.')
  step(`ts: done in ${since(start)}`)
}
