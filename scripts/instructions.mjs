// `npm run instructions`: what a request costs, in instructions.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { args } from './lib/args.mjs'
import { renewed } from './lib/counts.mjs'
import { chapter, insert } from './lib/hot-path.mjs'
import {
  buildDriver,
  count,
  countAll,
  environment,
  judge,
  kept,
  keptFile,
  scenarios,
  valgrindMissing,
} from './lib/instructions.mjs'
import { fail, step } from './lib/log.mjs'
import { root } from './lib/paths.mjs'

const help = `
npm run instructions [-- --only <names>] [--write] [--build] [--profile <name>]

Counts what a request costs in each scenario, under valgrind, and compares it with benchmark/instructions.json. Ends
with 1 when something is more than 3 % above what is kept, or so far below it (10 %) that it has to be renewed.

  --only <names>    these scenarios, separated by commas: ${scenarios.join(' ')}
  --write           keeps what was counted, and writes the tables of docs/design/hot-path.md
  --build           only compiles what is counted
  --profile <name>  where the instructions of a scenario are spent, as these tables show it; compares nothing
`

/** What docs/design/hot-path.md has tables of. */
const documented = ['param', 'record']
const document = join(root, 'docs/design/hot-path.md')

const options = args(help, {
  only: { type: 'string' },
  write: { type: 'boolean' },
  build: { type: 'boolean' },
  profile: { type: 'string' },
})
const names = options.only?.split(',') ?? scenarios
for (const name of options.profile === undefined ? names : [options.profile]) {
  if (!scenarios.includes(name)) fail(`no scenario is named ${name}`, `There are: ${scenarios.join(' ')}`)
}

async function driver(what) {
  step('building benchmark/instructions')
  return (await buildDriver(what)) ?? fail('the build failed', 'The messages are above.')
}

if (options.build) {
  await driver()
  process.exit(0)
}

const missing = await valgrindMissing()
if (missing) fail(missing)

if (options.profile !== undefined) {
  const profiled = await driver({ lines: true })
  console.log(chapter(options.profile, await count(profiled, options.profile)))
  process.exit(0)
}

const built = await driver()
step(`counting ${names.join(' ')}`)
const counts = await countAll(built, names)
const problems = await judge(counts)
if (options.write) {
  const file = renewed(kept(), await environment(), counts)
  writeFileSync(keptFile, `${JSON.stringify(file, undefined, 2)}\n`)
  const told = documented.filter((name) => names.includes(name))
  if (told.length > 0) {
    const profiles = await countAll(await driver({ lines: true }), told)
    let text = readFileSync(document, 'utf8')
    for (const name of told) text = insert(text, name, chapter(name, profiles[name]))
    writeFileSync(document, text)
  }
  step('benchmark/instructions.json and docs/design/hot-path.md are written')
} else if (problems.length > 0) {
  console.log()
  for (const problem of problems) console.log(problem)
  process.exitCode = 1
}
