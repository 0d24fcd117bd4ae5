// The command line of `npm run bench`, as settings.
import { availableParallelism } from 'node:os'
import { contenders } from '../contenders.mjs'
import { allWorks, keyWorks, memoryWork, works } from '../works.mjs'

export const help = `
npm run bench [-- <options>]

Installs and builds what is stale, starts each server in turn, checks its answers, drives it with wrk, and prints tables.
Linux only; loopback only. Every single measurement is kept in benchmark/out/results.json.

  --only <names>       servers, separated by commas: ${Object.keys(contenders).join(',')}
  --work <names>       ${allWorks.join(',')}
  --micro              the same as --work micro,routing: what small pieces cost, without any server
  --duration <s>       of each measurement of ${keyWorks.join(', ')}; half of it for the others (2)
  --warmup <s>         before each measurement (1)
  --rounds <n>         how often ${keyWorks.join(', ')} are measured; half as often the others; medians count (5)
  --held <n>           connections and waiting requests that memory is measured with (3000)
  --quick              everything once and short, without routing: does it work? Its figures are not to be quoted
  --write              the report into benchmark/RESULTS.md, the chart into benchmark/results.svg, and a table between
                       <!-- results --> and <!-- /results --> of README.md
  --from <file>        no measuring: the report of a results.json
  --compare <a> <b>    whether two results.json agree within 10 % on CPU time; the exit code says so too
  --json <file>        keep the measurements there instead
  --no-build           take native/ and dist/ as they are
`

const string = (value) => ({ type: 'string', default: value })
const flag = { type: 'boolean' }
export const options = {
  only: string(Object.keys(contenders).join(',')),
  work: string(allWorks.join(',')),
  micro: flag,
  duration: string('2'),
  warmup: string('1'),
  rounds: string('5'),
  held: string('3000'),
  quick: flag,
  write: flag,
  from: { type: 'string' },
  compare: flag,
  json: string('benchmark/out/results.json'),
  'no-build': flag,
}

function list(text, known, option) {
  const names = text.split(',').filter(Boolean)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) throw new Error(`--${option} ${unknown} is not known; there are: ${known.join(',')}`)
  return names
}

function count(values, option, most) {
  const value = Number(values[option])
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`--${option} is a whole number from 1 to ${most}, not ${values[option]}`)
}

/** Throws an error that names the option. */
export function settingsOf(values) {
  const { quick = false, micro = false } = values
  const work = list(micro ? 'micro,routing' : values.work, allWorks, 'work')
  return {
    only: list(values.only, Object.keys(contenders), 'only'),
    work: quick && !micro ? work.filter((name) => name !== 'routing') : work,
    duration: quick ? 1 : count(values, 'duration', 300),
    warmup: quick ? 1 : count(values, 'warmup', 60),
    rounds: quick ? 1 : count(values, 'rounds', 50),
    held: count(values, 'held', 10_000),
    quick,
    threads: availableParallelism() > 4 ? 2 : 1,
  }
}

/**
 * What is measured in `round`, as `{ work, seconds }`: the key works always and long, the others in the first half of the
 * rounds and half as long. When no key work is asked for, all are.
 */
export function schedule({ work, duration, rounds }, round) {
  const asked = work.filter((name) => name in works || name === memoryWork)
  const isKey = (name) => keyWorks.includes(name) || !asked.some((other) => keyWorks.includes(other))
  return asked
    .filter((name) => isKey(name) || round <= Math.max(1, Math.floor(rounds / 2)))
    .map((name) => ({
      work: name,
      seconds: isKey(name) ? duration : Math.max(1, Math.round(duration / 2)),
    }))
}

// What starting, checking, waiting and collecting take, in seconds.
const SECONDS = { visit: 1.2, memory: 4.5, start: 50, micro: 15, routing: 30 }

/** How long a run takes for `count` contenders, about, in minutes; without building. */
export function estimate(settings, count) {
  let seconds = 0
  for (let round = 1; round <= settings.rounds; round++) {
    const due = schedule(settings, round)
    if (due.length === 0) continue
    const each = due.map(({ work, seconds }) =>
      work === memoryWork ? SECONDS.memory : settings.warmup + seconds,
    )
    seconds += count * each.reduce((sum, one) => sum + one, SECONDS.visit)
  }
  for (const work of settings.work) if (!(work in works) && work !== memoryWork) seconds += SECONDS[work]
  return seconds / 60
}
