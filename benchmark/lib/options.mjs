// The command line of `npm run bench`, as settings.
import { availableParallelism } from 'node:os'
import { contenders } from '../contenders.mjs'
import { allWorks, defaultWorks, keyWorks } from '../works.mjs'

export const help = `
npm run bench [-- <options>]

Installs and builds what is stale, starts all servers, checks their answers, drives them with wrk in turn, and prints tables.
Linux only; loopback only. Every single measurement is kept in benchmark/out/results.json.

  --only <names>       servers, separated by commas: ${Object.keys(contenders).join(',')}
  --work <names>       ${allWorks.join(',')};
                       or all; when it is missing: ${defaultWorks.join(',')}
  --micro              the same as --work micro,routing: what small pieces cost, without any server
  --rounds <n>         how often all servers are started anew and measured (3)
  --slices <n>         turns that each server has in a round at ${keyWorks.join(', ')}; half of them at the others (10)
  --duration <s>       of a turn, at the least; wrk ends with a tenth of a second (0.15)
  --warmup <s>         of each server before its turns at a work; longer when it has just started (0.5)
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
  work: string(defaultWorks.join(',')),
  micro: flag,
  rounds: string('3'),
  slices: string('10'),
  duration: string('0.15'),
  warmup: string('0.5'),
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

function seconds(values, option, most) {
  const value = Number(values[option])
  if (value >= 0.1 && value <= most) return value
  throw new Error(`--${option} is a number of seconds from 0.1 to ${most}, not ${values[option]}`)
}

/** Throws an error that names the option. */
export function settingsOf(values) {
  const { quick = false, micro = false } = values
  const asked = values.work === 'all' ? allWorks.join(',') : values.work
  const work = list(micro ? 'micro,routing' : asked, allWorks, 'work')
  return {
    only: list(values.only, Object.keys(contenders), 'only'),
    work: quick && !micro ? work.filter((name) => name !== 'routing') : work,
    rounds: quick ? 1 : count(values, 'rounds', 50),
    slices: quick ? 1 : count(values, 'slices', 50),
    duration: quick ? 0.5 : seconds(values, 'duration', 300),
    warmup: quick ? 0.5 : seconds(values, 'warmup', 60),
    held: count(values, 'held', 10_000),
    quick,
    cores: availableParallelism(),
    threads: availableParallelism() > 4 ? 2 : 1,
  }
}
