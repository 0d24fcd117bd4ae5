// `npm run bench`: Armature beside its peers, on this machine, in the same minutes.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { args } from '../scripts/lib/args.mjs'
import { fail, step } from '../scripts/lib/log.mjs'
import { root } from '../scripts/lib/paths.mjs'
import { contenders, yardstick } from './contenders.mjs'
import { startContender } from './lib/child.mjs'
import { checkAnswers } from './lib/honest.mjs'
import { idleBytes } from './lib/idle.mjs'
import { cpu, rss } from './lib/proc.mjs'
import { environment, reportText } from './lib/report.mjs'
import { hasWrk, wrk } from './lib/wrk.mjs'
import { works } from './works.mjs'

const allWork = [...Object.keys(works), 'idle']
const help = `
npm run bench [-- <options>]

Starts each server in turn, checks its answers, drives it with wrk, and prints tables. Linux only; loopback only.

  --only <names>      servers, separated by commas: ${Object.keys(contenders).join(',')}
  --work <names>      ${allWork.join(',')}
  --duration <s>      of each measurement (5)
  --warmup <s>        before each measurement (2)
  --rounds <n>        how often all of it is done; medians are reported (3)
  --connections <n>   64
  --idle <n>          idle connections that memory is measured with (2000)
  --json <file>       every single measurement
  --write             the report into benchmark/RESULTS.md
`

const string = (value) => ({ type: 'string', default: value })
const options = args(help, {
  only: string(Object.keys(contenders).join(',')),
  work: string(allWork.join(',')),
  duration: string('5'),
  warmup: string('2'),
  rounds: string('3'),
  connections: string('64'),
  idle: string('2000'),
  json: { type: 'string' },
  write: { type: 'boolean' },
})

function list(text, known, option) {
  const names = text.split(',').filter(Boolean)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) fail(`--${option} ${unknown} is not known`, `There are: ${known.join(',')}`)
  return names
}

function count(option, most) {
  const value = Number(options[option])
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  return fail(`--${option} is a whole number from 1 to ${most}`)
}

const settings = {
  only: list(options.only, Object.keys(contenders), 'only'),
  work: list(options.work, allWork, 'work'),
  duration: count('duration', 300),
  warmup: count('warmup', 60),
  rounds: count('rounds', 50),
  connections: count('connections', 1000),
  idle: count('idle', 10_000),
  threads: availableParallelism() > 4 ? 2 : 1,
}

const samples = []
const problems = []

async function measure(server, name, work, round) {
  const load = { connections: settings.connections, threads: settings.threads }
  await wrk(server.port, works[work], { ...load, seconds: settings.warmup })
  const before = cpu(server.pid)
  const result = await wrk(server.port, works[work], { ...load, seconds: settings.duration })
  const after = cpu(server.pid)
  const { requests, ...figures } = result
  samples.push({
    ...{ round, work, contender: name, requests, ...figures },
    cpuProcess: (after.process - before.process) / requests,
    cpuMain: contenders[name].javascript ? (after.main - before.main) / requests : undefined,
    rssMegabytes: rss(server.pid) / 2 ** 20,
  })
  const { cpuProcess } = samples.at(-1)
  console.log(
    `    ${work}: ${Math.round(figures.perSecond)} requests/s, ${cpuProcess.toFixed(1)} us of CPU each`,
  )
}

async function visit(name, round) {
  const contender = contenders[name]
  const server = await startContender(contender)
  try {
    await checkAnswers(server.port)
    for (const work of settings.work) {
      if (work !== 'idle') await measure(server, name, work, round)
    }
  } finally {
    await server.stop()
  }
  if (!settings.work.includes('idle')) return
  const kilobytes = (await idleBytes(contender, settings.idle)) / 1024
  samples.push({ round, work: 'idle', contender: name, kilobytes })
  console.log(`    idle: ${kilobytes.toFixed(1)} KB per connection`)
}

if (process.platform !== 'linux') fail('the figures come from /proc: Linux is needed')
if (!(await hasWrk())) fail('wrk is missing', 'Debian and Ubuntu: sudo apt-get install wrk')

const ready = []
for (const name of settings.only) {
  const reason = await contenders[name].prepare?.()
  if (reason) problems.push(`${name}: ${reason}`)
  else ready.push(name)
}
if (!ready.includes(yardstick)) console.log(`(without ${yardstick} there are no ratios)`)

for (let round = 1; round <= settings.rounds; round++) {
  // Every other round the other way round: what drifts during a round then favours nobody.
  const order = round % 2 === 1 ? ready : [...ready].reverse()
  for (const name of order) {
    step(`round ${round} of ${settings.rounds}: ${name}`)
    try {
      await visit(name, round)
    } catch (error) {
      problems.push(`${name}, round ${round}: ${error.message}`)
      console.log(`    failed: ${error.message}`)
    }
  }
}

const result = { environment: environment(), settings, samples, problems }
const text = reportText(result)
console.log(`\n${text}`)
if (options.json) {
  mkdirSync(dirname(resolve(options.json)), { recursive: true })
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
}
if (options.write) writeFileSync(join(root, 'benchmark/RESULTS.md'), text)
if (problems.length > 0 || samples.length === 0) process.exitCode = 1
