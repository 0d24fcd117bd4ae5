// `npm run bench`: Armature beside its peers, on this machine, in the same minutes.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { args } from '../scripts/lib/args.mjs'
import { buildNative } from '../scripts/lib/build-native.mjs'
import { buildTs } from '../scripts/lib/build-ts.mjs'
import { ensureInstalled } from '../scripts/lib/install.mjs'
import { fail, since, step } from '../scripts/lib/log.mjs'
import { root } from '../scripts/lib/paths.mjs'
import { missingTools } from '../scripts/lib/tools.mjs'
import { contenders, installPlugins, yardstick } from './contenders.mjs'
import { compare, compareText } from './lib/compare.mjs'
import { prepareDrivers } from './lib/drivers.mjs'
import { environment } from './lib/environment.mjs'
import { prepareFiles } from './lib/files.mjs'
import { javascript, prepareRust, rust } from './lib/micro.mjs'
import { help, options, settingsOf } from './lib/options.mjs'
import { progress } from './lib/progress.mjs'
import { prepareProtocols } from './lib/protocols.mjs'
import { reportText } from './lib/report.mjs'
import { estimate } from './lib/schedule.mjs'
import { session } from './lib/session.mjs'
import { startAndSize, starters } from './lib/start.mjs'
import { prepareWebsocket } from './lib/websocket.mjs'
import { unfit, writeResults } from './lib/write.mjs'
import { hasWrk } from './lib/wrk.mjs'
import {
  driversWork,
  filesNames,
  filesWork,
  layersNames,
  layersWork,
  memoryWork,
  onceWorks,
  protocolsNames,
  protocolsWork,
  takers,
  websocketWork,
  workersNames,
  workersWork,
} from './works.mjs'

const values = args(help, options, { positionals: true })
const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const failing = (run) => {
  try {
    return run()
  } catch (error) {
    return fail(error.message)
  }
}

if (values.compare) {
  if (values._.length !== 2) fail('--compare takes two files')
  const verdict = failing(() => compare(...values._.map(read)))
  console.log(compareText(verdict))
  process.exit(verdict.agree ? 0 : 1)
}
if (values._.length > 0) fail(`${values._[0]} is not an option`, 'Try --help.')

const result = values.from
  ? failing(() => read(values.from))
  : await measure(failing(() => settingsOf(values)))
console.log(`\n${reportText(result)}`)
if (!values.from) {
  const file = resolve(root, values.json)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  step(`kept in ${file}`)
}
if (values.write) {
  const reason = unfit(result)
  if (reason) fail(`not written: ${reason}`)
  for (const sentence of writeResults(root, result)) step(sentence)
}
if (result.problems.length > 0 || result.samples.length + result.micro.length === 0) process.exitCode = 1

async function build() {
  const missing = await missingTools()
  if (missing.length > 0) fail('this machine lacks something', ...missing)
  await ensureInstalled()
  step('building (the first time takes a few minutes)')
  if (!(await buildNative()) || !(await buildTs())) fail('Armature did not build', 'The messages are above.')
}

/** Names of those that can take part; why the others cannot goes to `skipped`. */
async function prepare(names, works, skipped) {
  const ready = []
  for (const name of names) {
    step(`preparing ${name}`)
    const reason = await contenders[name].prepare?.()
    if (reason !== undefined) {
      skipped.push(`${name}: ${reason}`)
      continue
    }
    ready.push(name)
    for (const [work, why] of Object.entries(contenders[name].cannot ?? {})) {
      if (works.includes(work)) skipped.push(`${name}, ${work}: ${why}`)
    }
  }
  return ready
}

/** By work: resolves to why it cannot be measured, or to undefined. */
function conditions(ready) {
  const all = (names, prepare) => async () => {
    const missing = names.find((name) => !ready.includes(name))
    return missing ? `${missing} takes no part` : prepare?.()
  }
  return [
    [driversWork, () => prepareDrivers(ready)],
    [workersWork, all(workersNames)],
    [protocolsWork, all(protocolsNames, prepareProtocols)],
    [websocketWork, prepareWebsocket],
    [layersWork, all(layersNames, installPlugins)],
    [filesWork, all(filesNames, prepareFiles)],
  ]
}

async function measure(settings) {
  const asked = (work) => settings.work.includes(work)
  const served = settings.work.filter((work) => !onceWorks.includes(work))
  if (process.platform !== 'linux') fail('the figures come from /proc: Linux is needed')
  if (served.some((work) => work !== memoryWork) && !(await hasWrk()))
    fail('wrk is missing', 'Debian and Ubuntu: sudo apt-get install wrk')
  if (!values['no-build']) await build()

  const skipped = []
  const ready = await prepare(takers(settings.only, served), settings.work, skipped)
  for (const [work, why] of conditions(ready)) {
    const reason = asked(work) ? await why() : undefined
    if (reason === undefined) continue
    skipped.push(`${work}: ${reason}`)
    settings.work = settings.work.filter((other) => other !== work)
  }
  const noRust = asked('routing') ? await prepareRust() : undefined
  if (noRust) skipped.push(`routing: ${noRust}`)
  for (const line of skipped) step(`left out: ${line}`)
  if (served.some((work) => work !== driversWork) && !ready.includes(yardstick))
    step(`without ${yardstick} there are no ratios`)
  step(`measuring for about ${Math.ceil(estimate(settings, ready))} minutes`)

  const begin = performance.now()
  const { samples, problems } = await session(ready, settings, {
    onWork: (round, work) => step(`round ${round} of ${settings.rounds}: ${work}`),
    onSamples: (samples) => {
      for (const name of ready) {
        const line = progress(samples, name)
        if (line) console.log(`    ${line}`)
      }
    },
    onProblem: (text) => console.log(`    failed: ${text}`),
  })
  const once = async (work, run, otherwise) => {
    if (!asked(work)) return otherwise
    step(work)
    try {
      return await run()
    } catch (error) {
      problems.push(`${work}: ${error.message}`)
      return otherwise
    }
  }
  const names = starters.filter((name) => settings.only.includes(name))
  const { samples: starts, ...start } = await once('start', () => startAndSize(names, settings), {
    samples: [],
  })
  const micro = await once('micro', () => javascript(settings), [])
  if (!noRust) micro.push(...(await once('routing', rust, [])))
  step(`measured in ${since(begin)}`)
  return {
    environment: environment(),
    settings,
    samples: [...samples, ...starts],
    start,
    micro,
    skipped,
    problems,
  }
}
