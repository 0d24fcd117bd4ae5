// The parts of the report that are not about load: memory, size and start, small pieces, and what was aimed at.
import { engine } from '../contenders.mjs'
import { memoryWork } from '../works.mjs'
import { memoryColumns, summarize } from './figures.mjs'
import { cell, markdown, measured, number, workTable } from './table.mjs'

export function memorySection({ samples, settings }, contenders, yardstick) {
  return `## Memory of connections and requests

${settings.held} connections that asked once, then are silent; then one request on each that waits in an async handler. Resident memory,
garbage collected before each look.

${workTable(samples, memoryWork, memoryColumns, contenders, yardstick)}`
}

export function startSection({ samples, start }, contenders, yardstick) {
  const rows = measured(samples, 'start', contenders).map((name) => {
    const own = start.sizes[name]
    const size = { value: own.bytes / 2 ** 20, ratio: own.bytes / start.sizes[yardstick]?.bytes || undefined }
    return [
      name,
      own.packages === 0 ? '-' : cell(size, 1),
      own.packages === 0 ? '-' : String(own.packages),
      cell(summarize(samples, 'milliseconds', 'start', name, yardstick), 0),
      cell(summarize(samples, 'busyMegabytes', 'start', name, yardstick), 0),
    ]
  })
  const head = ['server', 'installed MB', 'packages', 'first answer ms', 'RSS MB when busy']
  return `## Size and start

Installed: all files of the package and of what it depends on; of Armature the core package and one platform package. First
answer: from \`node app.js\` to the answer to \`GET /\`. Busy: after ${number(start.requests, 0)} requests for \`GET /\`, nothing collected by force.

${markdown([head, ...rows])}`
}

export function microSection({ micro }) {
  const rows = micro.map(({ name, nanoseconds, in: language }) => [name, language, number(nanoseconds, 0)])
  return `## Small pieces

${markdown([['operation', 'in', 'ns'], ...rows])}`
}

/** What the project aims at, and where its own figure comes from; in the unit of the goal. */
const targets = [
  {
    what: '`user`: CPU of armature-inline-sync, x raw hyper',
    goal: 1.1,
    precision: 3,
    of: (result) => ofEngine(result, 'user'),
  },
  {
    what: '`fixed`: CPU of armature-inline-sync, x raw hyper',
    goal: 0.95,
    precision: 3,
    of: (result) => ofEngine(result, 'fixed'),
  },
  {
    what: 'finding a route with one parameter, us',
    goal: 0.05,
    of: ({ micro }) => nanosecondsOf(micro, 'one parameter') / 1000,
  },
  {
    what: 'building a JSON response, us',
    goal: 0.5,
    of: ({ micro }) => nanosecondsOf(micro, 'JSON response, 2 fields') / 1000,
  },
  {
    what: 'memory of a waiting request (armature-async), KB',
    goal: 5,
    of: ({ samples }) => summarize(samples, 'request', memoryWork, 'armature-async').value,
  },
  {
    what: 'the same with its connection, KB',
    of: ({ samples }) => summarize(samples, 'inflight', memoryWork, 'armature-async').value,
  },
]

/** CPU time of the inline driver for a request, as a multiple of raw hyper's. */
const ofEngine = ({ samples }, work) =>
  summarize(samples, 'cpuProcess', work, 'armature-inline-sync', engine).ratio

const nanosecondsOf = (micro, name) => micro.find((each) => each.name === name)?.nanoseconds

export function targetSection(result) {
  const rows = targets
    .map(({ of, precision = 2, ...target }) => ({ ...target, precision, value: of(result) }))
    .filter(({ value }) => Number.isFinite(value))
    .map(({ what, goal, precision, value }) => {
      const verdict = goal === undefined ? '' : value <= goal ? 'reached' : 'missed'
      return [what, goal === undefined ? '-' : String(goal), value.toPrecision(precision), verdict]
    })
  return rows.length === 0
    ? undefined
    : `## Targets\n\n${markdown([['what', 'target', 'measured', ''], ...rows])}`
}
