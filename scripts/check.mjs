// `npm run check`: everything that a machine can say about a change without running it.

import { guards } from './guards/index.mjs'
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { fail, green, red, since, step } from './lib/log.mjs'
import { root } from './lib/paths.mjs'
import { missingTools } from './lib/tools.mjs'

const help = `
npm run check [-- --only <name>...]

Runs every guard, or those named: ${guards.map((guard) => guard.name).join(' ')}
The last line is "N ok, N failed".
`

const options = args(help, { only: { type: 'string', multiple: true } })
const unknown = options.only?.find((name) => !guards.some((guard) => guard.name === name))
if (unknown) fail(`no guard is named ${unknown}`, `There are: ${guards.map((guard) => guard.name).join(' ')}`)
const chosen = guards.filter((guard) => !options.only || options.only.includes(guard.name))

const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()
/** Linking the addon keeps one core busy: what does not look at the build goes on meanwhile. */
let building
if (chosen.some((guard) => guard.built)) {
  step('building')
  building = buildNative().then((worked) => worked && buildTs())
}

const failed = []
for (const guard of chosen) {
  const built = guard.built ? await building : true
  const start = performance.now()
  const problems = !built ? ['The build failed.'] : await guard.run(root)
  if (problems.length === 0) {
    console.log(`${green('ok    ')} ${guard.name} (${since(start)})`)
    continue
  }
  failed.push(guard)
  console.log(`${red('failed')} ${guard.name} (${since(start)})`)
  for (const problem of problems) console.log(problem.replace(/^/gm, '       '))
  console.log(`       -> ${guard.todo}`)
}
if (failed.length > 0) {
  process.exitCode = 1
  console.log(`\nfailed: ${failed.map((guard) => guard.name).join(' ')}`)
}
console.log(`${chosen.length - failed.length} ok, ${failed.length} failed`)
